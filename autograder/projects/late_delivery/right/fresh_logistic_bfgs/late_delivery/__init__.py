"""Predict late shipments at booking, decide which to check, and notice when the predictions go stale."""
