"""Greets people and counts words."""
