"""Audit: who is asked for what, through which columns, and does it last.

What no method can promise this measures: how much each group is asked for, how well
other columns tell the protected ones, whether answers survive the next model.
"""

from sklearn_ct.audit._groups import RecourseAudit, audit_recourse
from sklearn_ct.audit._proxies import ProxyReport, proxy_report
from sklearn_ct.audit._survival import recourse_survival

__all__ = [
    "ProxyReport",
    "RecourseAudit",
    "audit_recourse",
    "proxy_report",
    "recourse_survival",
]
