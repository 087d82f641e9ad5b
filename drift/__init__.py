"""Compare a project with the template that it was generated from, and carry the template's changes over."""
