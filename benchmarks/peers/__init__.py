"""Recourse beside other packages, which run in environments of their own."""
