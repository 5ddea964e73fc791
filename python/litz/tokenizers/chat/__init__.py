"""Chat templates: conversations rendered as text.

templates (which one), values (what it is given, as plain data), render (a conversation through it), text (its result),
assistant_masks (the tokens of its answers), schema (functions as tools), template_names (for errors).
"""
