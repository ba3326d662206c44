"""What may change: the words of users, bounds of rows, features that follow."""
