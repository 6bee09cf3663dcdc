"""nbval runs the chapters alone: tests/test_exercises.py runs the exercises."""

collect_ignore_glob = ["exercises/*", "solutions/*"]
