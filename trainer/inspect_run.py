"""The inspect binary: prints what the model_dir of a run says about it."""

from absl import flags

from trainer.command import command_line, errors, path_flags
from trainer.logs import report_text
from trainer.model_dir import run_report, strict_json


def main(argv: list[str]) -> None:
    """Prints; exits with status 2 and one message if there is no run in the folder."""
    del argv
    try:
        with errors.mistakes():
            report = run_report.read(flags.FLAGS.model_dir)
    except errors.UserError as error:
        command_line.fail(error, 2)
    print(strict_json.dumps(report) if flags.FLAGS.json else report_text.text(report))


def _check_flags() -> None:
    if not flags.FLAGS.model_dir:
        command_line.fail("--model_dir is missing; name the folder of a run", 2)
    if any(command_line.gin_arguments()):
        command_line.fail("a run is inspected as its --model_dir has it; leave --gin_... away", 2)


if __name__ == "__main__":
    # Not where this is imported: main.py has a flag of the same name.
    path_flags.DEFINE_path(
        "model_dir", "Folder of the run; it may be running.", for_tensorflow=True
    )
    flags.DEFINE_bool("json", False, "Print one object of JSON.")
    command_line.run(main, _check_flags)
