"""Pictures drawn from numbers: shapes, surfaces and light."""
