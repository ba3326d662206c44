"""Reports in HTML."""


def of_audit(audit):
    """HTML of a `RecourseAudit`, for notebooks."""
    raise NotImplementedError


def write(path, audit, proxies, survival):
    """Write the report as one file."""
    raise NotImplementedError
