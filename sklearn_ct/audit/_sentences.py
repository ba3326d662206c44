"""What was found, and what was not, in plain sentences."""

import numpy as np

NAMES = {
    "rejection_rate": "rejection rate",
    "false_negative_rate": "false negative rate",
    "infeasible_rate": "share of the rejected without an answer",
    "cost": "mean cost",
    "beyond_budget": "share of the rejected beyond the budget",
    "burden": "burden",
    "false_negative_burden": "false negative burden",
}


def of_audit(audit, alpha):
    """Summary of a `RecourseAudit`."""
    total, lines = audit.overall, []
    n, rejected = int(total["n"]), int(total["n_rejected"])
    lines.append(
        f"{rejected:,} of {n:,} rows ({_percent(total['rejection_rate'])}) are not "
        f"predicted as {audit.target!r}."
    )
    if not rejected:
        return lines[0] + " Nobody is asked for anything."
    infeasible = int(audit.rows["infeasible"].sum())
    lines.append(
        f"{infeasible:,} of them have no answer under these rules; each counts as the "
        f"cap of {audit.cap:.3g}, as any cost above it does."
        if infeasible
        else f"All of them have an answer; costs above {audit.cap:.3g} count as that."
    )
    weak = int(audit.rows["below_tau"].sum())
    if weak:
        lines.append(f"Weaker than was asked for are {weak:,} answers: see below_tau.")
    lines += _compared(audit, alpha)
    lines += _not_done(audit)
    lines.append(
        "Costs are distances in the model's input space, not the effort of people."
    )
    return "\n".join(lines)


def _compared(audit, alpha):
    """List findings by group, then what was tested and not found."""
    lines, found = [], audit.findings(alpha)
    tested = audit.comparisons.dropna(subset="p_value")
    if len(tested):
        how = {
            "holm": "after Holm's correction",
            "bh": "after Benjamini and Hochberg's correction",
            None: "without any correction for their number",
        }[audit.adjust]
        lines.append(
            f"{len(tested)} tests, {len(found)} findings at {alpha:g} {how}. Ratios "
            f"stand with their {_percent(audit.confidence)} intervals."
        )
    for who, part in tested.groupby(_who(tested), sort=False):
        own = part[part["p_adjusted"] < alpha]
        if len(own):
            said = "; ".join(
                f"{NAMES[row.measure]} {_number(row.value)} against "
                f"{_number(row.reference_value)}{_ratio(row)}"
                for row in own.itertuples()
            )
            lines.append(f"{who}: {said}.")
        rest = part[part["p_adjusted"] >= alpha]
        if len(rest):
            names = ", ".join(NAMES[m] for m in rest["measure"])
            lines.append(f"{who}: no difference found in {names}{_left(rest)}.")
    return lines


def _not_done(audit):
    """Say what could not be tested or was not measured."""
    lines = []
    groups = audit.by_group.reset_index()
    small = groups[groups["n_rejected"] < audit.min_rejected]
    if len(small):
        names = "; ".join(
            f"{_group(row)} ({row['n_rejected']})" for _, row in small.iterrows()
        )
        lines.append(
            f"Not tested, since fewer than {audit.min_rejected} of them are rejected: "
            f"{names}."
        )
    if "qualified" not in audit.rows:
        lines.append("Without y false negatives are not measured.")
    elif not audit.rows["qualified"].any():
        lines.append(
            f"No row of y is {audit.target!r}: there are no false negatives to measure."
        )
    return lines


def of_proxies(report):
    """Summary of a `ProxyReport`."""
    lines = []
    for name, row in report.told.iterrows():
        score = f"{row['measure'].upper()} {row['score']:.2f} ({_ends(row)})"
        if row["low"] <= row["chance"]:
            lines.append(f"{name!r} is not told by the other columns: {score}.")
            continue
        own = report.carriers[report.carriers["protected"] == name]
        own = own[own["alone"] >= report.threshold].sort_values(
            "alone", ascending=False, kind="stable"
        )
        by = ", ".join(f"{c} ({a:.2f})" for c, a in own[["column", "alone"]].to_numpy())
        lines.append(
            f"{name!r} is told by the other columns: {score}; alone and above chance "
            f"by {by or 'none of them'}."
        )
        if not np.isnan(row["recourse_share"]):
            lines.append(
                f"{_percent(row['recourse_share'])} of the cost of the advice lies in "
                "these columns."
            )
    for row in report.gaps.itertuples():
        if row.part == "total":  # its parts come behind it
            sign, word = (-1, "lower") if row.value < 0 else (1, "higher")
        where = {
            "total": f"{row.model}, {row.protected}: the share of rejected is {word} "
            f"for {row.group!r} than for {row.reference!r} by",
            "direct": "- through the protected columns themselves:",
            "through others": "- through the other columns:",
        }[row.part]
        lines.append(f"{where} {_points(row, sign)}.")
    return "\n".join(lines)


def _points(row, sign):
    text = f"{100 * sign * row.value:.1f} points"
    if np.isnan(row.low + row.high):
        return f"{text}, of too few rows for an interval"
    low, high = sorted((100 * sign * row.low, 100 * sign * row.high))
    text += f" ({low:.1f} to {high:.1f})"
    if row.low <= 0 <= row.high and row.low < row.high:
        return f"{text}, which may be nothing"
    return text


def _ends(row):
    return f"{row['low']:.2f} to {row['high']:.2f}"


def _who(frame):
    return [
        f"{_group(row)} against {row['reference']!r}" for _, row in frame.iterrows()
    ]


def _group(row):
    control = f" within {row['control']!r}" if "control" in row else ""
    return f"{row['feature']} {row['group']!r}{control}"


def _ratio(row):
    if np.isnan(row.ratio):
        return ""
    text = f", {row.ratio:.2f} times"
    if np.isnan(row.ratio_low):
        return text
    return f"{text} ({row.ratio_low:.2f} to {row.ratio_high:.2f})"


def _left(rest):
    """Say what a test that found nothing leaves possible, for the burden."""
    row = rest[rest["measure"] == "burden"]
    if not len(row) or np.isnan(row["ratio_low"].iloc[0]):
        return ""
    low, high = row["ratio_low"].iloc[0], row["ratio_high"].iloc[0]
    return f"; a burden of {low:.2f} to {high:.2f} times the other's remains possible"


def _percent(share):
    return f"{100 * share:.3g} %"


def _number(value):
    return f"{value:.3g}"
