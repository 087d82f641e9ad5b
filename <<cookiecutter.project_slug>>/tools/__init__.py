"""Programs of those who maintain the project; production never runs them."""
