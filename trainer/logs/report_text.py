"""A report of a run as text for the console."""

from collections.abc import Mapping, Sequence
from typing import Any

from growth.records import events
from trainer.command import console_text


def text(report: Mapping[str, Any]) -> str:
    """Formats the result of `run_report.read` as text."""
    return "\n".join(
        console_text.escaped(line)
        for line in [
            f"{report['model_dir']}: {_state(report)}",
            "",
            *_table(_sizes(report)),
            "",
            f"training FLOPs: {_number(report['training_flops'])}",
            f"best evaluation: {_metrics(report['best']) or 'none'}",
            f"seed: {_number(report['seed'])}",
            f"checkpoints: {', '.join(map(str, report['checkpoints'])) or 'none'}",
            f"versions: {_pairs(report['versions'] or {}) or 'unknown'}",
            "",
            *_growths(report),
            *_decisions(report),
        ]
    )


def _state(report):
    step, of = report["step"], f"of {_number(report['steps'])}"
    finished = f"finished {step} steps"
    if early := report["stopped_early"]:
        finished += f" {of}, stopped early: {early['reason']}"
    return {
        "finished": finished,
        "running": f"running; the newest checkpoint is of step {step} {of}",
        "stopped": f"stopped at step {step} {of}",
        "no checkpoint": "no checkpoint",
    }[report["state"]]


def _sizes(report):
    widths = report["widths"]
    rows = [["", "initial", "now"]]
    for site, now in widths["now"].items():
        rows.append([f"width of {site}", _number(widths["initial"].get(site)), _number(now)])
    for key, name in (("parameters", "parameters"), ("forward_flops", "FLOPs of a forward pass")):
        rows.append([name, _number(report[key]["initial"]), _number(report[key]["now"])])
    return rows


def _growths(report) -> list[str]:
    if not report["growths"]:
        return ["no growth yet"]
    head = ["step", "site", "from", "to", "gradient new", "old", "singular value", "dormant", "ms"]
    rows, is_late = [head], False
    for growth in map(events.Growth.from_json, report["growths"]):
        late = growth.step >= report["step"]
        is_late |= late
        step, milliseconds = f"{growth.step}{'*' * late}", _rounded(growth.milliseconds, ".0f")
        for name, site in growth.sites.items():
            widths = [_number(site.from_width), _number(site.to_width)]
            norms = [site.gradient_norm_new, site.gradient_norm_old]
            top = site.singular_values[0] if site.singular_values else None
            numbers = [_rounded(number, ".3g") for number in (*norms, top)]
            numbers.append(_rounded(site.looks[-1].dormant if site.looks else None, ".0%"))
            rows.append([step, name, *widths, *numbers, milliseconds])
        if not growth.sites:
            why = growth.refusal or "all sites are at their maximum"
            rows.append([step, f"nothing: {why}", *["-"] * 6, milliseconds])
    return _table(rows) + ["* after the newest checkpoint"] * is_late


def _decisions(report) -> list[str]:
    """A row for each site of each growth that was decided by the state of training."""
    head = ["step", "site", "granted", "gain of one", "singular value", "effective rank"]
    rows, reasons = [head], []
    for growth in map(events.Growth.from_json, report["growths"]):
        decision = growth.decision
        if decision is None:
            continue
        reasons.append(f"step {decision.step}: {decision.because}{_decreases(growth)}")
        for name, site in decision.sites.items():
            measured = site.measured or {}
            gains, values = measured.get("gains"), measured.get("singular_values")
            numbers = [gains and gains[0], values and values[0], measured.get("effective_rank")]
            rows.append(
                [f"{decision.step}", name, f"{site.granted}"]
                + [_rounded(number, ".3g") for number in numbers]
            )
    ended = [f"growth ended: {report['growth_ended']}"] if report.get("growth_ended") else []
    return [*(["", *reasons, "", *_table(rows)] if reasons else []), *ended]


def _decreases(growth: events.Growth) -> str:
    """The decrease of the loss that was expected, and the measured one, if they are known."""
    pairs = (("predicted", growth.predicted_decrease), ("measured", growth.measured_decrease))
    known = [f"{value:.3g} {name}" for name, value in pairs if value is not None]
    return f" (decrease of the loss: {', '.join(known)})" if known else ""


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width; text to the left, and numbers to the right."""
    rows = [list(map(console_text.escaped, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = [
        not any(cell[:1].isdigit() for cell in column[1:]) for column in zip(*rows, strict=True)
    ]
    return [
        "  ".join(
            cell.ljust(width) if to_left else cell.rjust(width)
            for cell, width, to_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in rows
    ]


def _rounded(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value}"


def _metrics(values: Mapping[str, float]) -> str:
    return _pairs({name: f"{value:.5g}" for name, value in values.items()})


def _pairs(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())
