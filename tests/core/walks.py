"""What the tests of walks share."""

from dataclasses import fields

from sklearn_ct._core.walk import Asked, WalkSpec, walk

DECIDED = {field.name for field in fields(WalkSpec)}


def walked(module, x, target, constraints, **options):
    """A walk with the fields of its spec among its keywords."""
    spec = WalkSpec(**{name: options.pop(name) for name in DECIDED & options.keys()})
    return walk(module, x, target, constraints, spec, Asked(**options))
