"""Practice exercises of module 04, in the order in which the lessons ask them."""

from coursekit.exercises import Exercise  # noqa: F401 - every exercise below is one

# --- 01_next_token

# --- 02_context_window

# --- 03_unreliable_provider

# --- 04_structured_output

# --- 05_tools_and_images

# --- 06_prompts_and_models
