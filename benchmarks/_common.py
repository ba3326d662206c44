"""What several benchmarks share."""


def to_markdown(frame):
    """Format a frame as a Markdown table."""
    cells = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in cells)
