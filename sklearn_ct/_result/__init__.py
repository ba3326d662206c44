"""The answers, and how they are shown and stored."""
