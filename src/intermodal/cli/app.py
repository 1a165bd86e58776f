"""The commands, their options and their exit statuses; what they do is in the modules beside this one.

Exit statuses: 0 for success, 1 where a command found a difference or failed, 2 for a wrong usage, 130 after Ctrl-C.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from intermodal._version import __version__
from intermodal.cli import serving
from intermodal.cli.doctor.examine import Settings, examine
from intermodal.cli.doctor.shown import show_examination
from intermodal.cli.documents import comparison_document, conformance_document, transports_document
from intermodal.cli.installed import Installed
from intermodal.cli.showing import progress, show_comparison, show_transports
from intermodal.cli.unix_urls import place
from intermodal.errors import InvalidRequest
from intermodal.model.options import Timeouts
from intermodal.testing.compare import compare, compare_at, plain_url


class _Commands(click.Group):
    """Commands that end with the shell's status for an interrupt where Ctrl-C ends them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="intermodal", message="%(prog)s %(version)s")
def app() -> None:
    """One HTTP request, any transport, the same answer."""


def _seconds(_: click.Context, __: click.Parameter, value: float) -> float:
    try:
        Timeouts(connect=value)
    except InvalidRequest as error:
        raise click.BadParameter(f"{value:g} is not a time: expected seconds above 0") from error
    return value


@app.command("compare")
@click.argument("url", required=False)
@click.option(
    "--transport", "names", metavar="NAME", multiple=True, help="A transport to compare; may be repeated. Default: all."
)
@click.option(
    "--timeout",
    type=float,
    callback=_seconds,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="For connecting, and for each wait.",
)
@click.option(
    "--generated",
    type=click.IntRange(1),
    metavar="NUMBER",
    help="Carry so many generated exchanges over two transports, and explain the smallest that they differ in.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_context
def compare_command(  # noqa: PLR0917 - click gives each by name
    ctx: click.Context, url: str | None, names: tuple[str, ...], timeout: float, generated: int | None, as_json: bool
) -> None:
    """Send the same exchanges over every installed transport and show in what they differ.

    Without a URL: a tour of exchanges with an origin server that is started on the spot. With one: GET and HEAD of
    that URL, which may be http+unix://%2Frun%2Fx.sock/path. Exit status 1 where anything differs.
    """
    if generated is not None:
        if url is not None or len(names) != 2:
            raise click.UsageError("--generated takes two transports and no URL: --transport NAME --transport NAME")
        _compare_generated(ctx, names, generated, as_json=as_json)
        return
    with _installed(names, required=True) as installed:
        try:
            with progress(wanted=not as_json) as told:
                if url is None:
                    compared = compare(installed.opened, timeout=timeout, progress=told)
                else:
                    asked, dial = place(url)
                    compared = compare_at(asked, installed.opened, dial=dial, timeout=timeout, progress=told)
        except InvalidRequest as error:
            raise click.BadParameter(str(error), param_hint="URL") from error
        if as_json:
            click.echo(json.dumps(comparison_document(compared, installed, url), indent=2))
        else:
            show_comparison(compared, installed)
    if not compared.identical:
        ctx.exit(1)


def _compare_generated(ctx: click.Context, names: tuple[str, ...], examples: int, *, as_json: bool) -> None:
    with _installed(names):
        try:
            from intermodal.cli.conforming import nothing_left_behind  # noqa: PLC0415 - of an extra
            from intermodal.conformance.comparing import compare as compare_two  # noqa: PLC0415
        except ImportError as error:
            raise click.ClickException(str(error)) from error
        with nothing_left_behind():
            divergence = compare_two(*names, examples=examples)
    if as_json:
        told = None if divergence is None else str(divergence)
        click.echo(json.dumps({"generated": examples, "identical": divergence is None, "divergence": told}, indent=2))
    else:
        click.echo(divergence or f"{examples} generated exchanges over {names[0]} and {names[1]}: all identical")
    if divergence is not None:
        ctx.exit(1)


def _verify(_: click.Context, __: click.Parameter, value: str | None) -> bool | str:
    if value is None or value == "no":
        return value is None
    if not Path(value).exists():
        raise click.BadParameter(f"there is no file or folder {value!r}: expected one with authorities in PEM, or no")
    return value


@app.command("doctor")
@click.argument("url")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="For connecting, and for each wait. Default: a Client's."
)
@click.option(
    "--verify",
    callback=_verify,
    metavar="PATH|no",
    help="A file or folder of authorities for the server's certificate, or no check. Default: the system's.",
)
@click.option("--cert", type=click.Path(exists=True, dir_okay=False), help="A certificate of yours, with its key.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="The key, where it is in another file.")
@click.option("--proxy", metavar="URL", help="Go through this proxy, whatever the environment says.")
@click.option("--no-env", is_flag=True, help="Leave the environment out of account, as Client(trust_env=False) does.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_context
def doctor_command(  # noqa: PLR0917 - click gives each by name
    ctx: click.Context,
    url: str,
    timeout: float | None,
    verify: bool | str,
    cert: str | None,
    key: str | None,
    proxy: str | None,
    no_env: bool,
    as_json: bool,
) -> None:
    """Show what would happen to a GET of URL, and what stands in its way, before anything is sent.

    The names are looked up, the addresses connected to, TLS handshakes made; no request goes to the server. A proxy is
    asked for the tunnel that leads through it. URL may be http+unix://%2Frun%2Fx.sock/path. Exit status 1 where
    something stands in the way.
    """
    if key is not None and cert is None:
        raise click.UsageError("--key is the key of a certificate: give --cert too")
    settings = Settings(timeout, verify, cert if cert is None or key is None else (cert, key), proxy, not no_env)
    with _installed(()) as installed:
        try:
            asked, dial = place(url)
            parsed = plain_url(asked)
        except InvalidRequest as error:
            raise click.BadParameter(str(error), param_hint="URL") from error
        try:
            seen = examine(url, parsed, dial, settings, installed)
        except InvalidRequest as error:
            raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(seen), indent=2))
    else:
        show_examination(seen)
    if not seen.could_be_sent:
        ctx.exit(1)


@app.command("conform")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--clause", "clauses", multiple=True, metavar="T1...T11", help="A clause to try; may be repeated.")
@click.option("--case", "cases", multiple=True, metavar="CASE", help="The name of a case to try; may be repeated.")
@click.option("--async", "asynchronous", is_flag=True, help="Try asend(), where there is send() too.")
@click.option(
    "--application",
    type=click.Choice(["wsgi", "asgi", "handler"]),
    help="The factory makes a transport that calls one in-process, and is given it.",
)
@click.option(
    "--examples",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="NUMBER",
    help="Exchanges to generate of each kind.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.pass_context
def conform_command(  # noqa: PLR0917 - click gives each by name
    ctx: click.Context,
    names: tuple[str, ...],
    clauses: tuple[str, ...],
    cases: tuple[str, ...],
    asynchronous: bool,
    application: str | None,
    examples: int,
    as_json: bool,
) -> None:
    """Try transports with the conformance kit, and show the verdict clause by clause.

    NAME is that of an installed transport, of a double (mock, wsgi, asgi), or module:factory for one of yours; the
    module may lie in this folder. Exit status 1 where a case fails.
    """
    try:
        from intermodal.cli.conforming import (  # noqa: PLC0415 - of an extra
            find_subject,
            nothing_left_behind,
            show_report,
            try_subject,
        )

        kind: Any = application
        subjects = [find_subject(name, kind, asynchronous=asynchronous) for name in names]
        reports = []
        with nothing_left_behind():
            for subject in subjects:
                report, seconds = try_subject(subject, clauses or None, cases or None, examples, wanted=not as_json)
                reports.append((report, seconds))
                if not as_json:
                    show_report(report, seconds)
    except (ValueError, TypeError) as error:
        raise click.UsageError(str(error)) from error
    except ImportError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(conformance_document(reports), indent=2))
    if not all(report.passed for report, _ in reports):
        ctx.exit(1)


@app.command("transports")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def transports_command(as_json: bool) -> None:
    """Show the installed transports, and what each can do and guarantees."""
    with _installed(()) as installed:
        if as_json:
            click.echo(json.dumps(transports_document(installed), indent=2))
        else:
            show_transports(installed)


@app.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port; 0 takes a free one."
)
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False), help="Serve https with this certificate.")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False), help="The key of the certificate.")
@click.option("--quiet", is_flag=True, help="Do not print what is received and answered.")
def serve_command(host: str, port: int, tls_cert: str | None, tls_key: str | None, quiet: bool) -> None:
    """Run the origin server, and print each connection, the exact bytes received and what was answered.

    It answers by path, much like httpbin; "/" lists the paths. Ctrl-C ends it.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together: give both")
    tls = None if tls_cert is None or tls_key is None else serving.server_context(tls_cert, tls_key)
    serving.serve(host, port, tls, quiet=quiet)


def _installed(names: tuple[str, ...], *, required: bool = False) -> Installed:
    """Open the transports of those names, or all; a wrong name, or one asked for that does not open, is wrong usage."""
    try:
        installed = Installed(names)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--transport") from error
    if names and installed.skipped:
        installed.close()
        raise click.BadParameter("; ".join(installed.skipped.values()), param_hint="--transport")
    if required and not installed.opened:
        raise click.UsageError(
            "no transport to compare: " + ("; ".join(installed.skipped.values()) or "none installed")
        )
    return installed
