"""Between the user's columns, values and the codes of the model."""
