"""Checks of the exercises: one file for each chapter, and what they share."""
