"""The command line, called as a person would."""

from typer.testing import CliRunner

from diffFx_pytorch.cli import app


def difffx(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], prog_name="difffx", catch_exceptions=False)
