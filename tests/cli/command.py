"""The command line, called as a person would."""

from typer.testing import CliRunner

from diffFx_pytorch.cli import app


def difffx(*arguments, env=None):
    arguments = [str(a) for a in arguments]
    return CliRunner().invoke(app, arguments, env=env, prog_name="difffx", catch_exceptions=False)
