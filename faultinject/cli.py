# SPDX-License-Identifier: MIT
"""The command line. No logic here: each command builds a request, calls its module, and prints."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TextIO

import click

from faultinject.errors import InjectorError, explain_os_error
from faultinject.system import BUILD, ROOT

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
STATUS_SETUP = 125

image_option = click.Path(path_type=Path, dir_okay=False)


class DatabasePath(click.ParamType):
    """A campaign's database: the file, or the directory that the campaign was given."""

    name = "database"

    def convert(self, value: str | Path, parameter: click.Parameter | None, context: click.Context | None) -> Path:
        path = Path(value)
        return path / "campaign.sqlite" if path.is_dir() else path


database_option = DatabasePath()


#: Commands by what they are for, in the order in which they are met; each in few words.
SECTIONS = {
    "Use it": {
        "console": "boot to the shell on this terminal",
        "cc": "compile C for Perdure, with gcc's usual arguments",
        "run": "run a program, while services are crashed if you like",
        "demo": "crash the file system under load, compare every file",
        "bench": "what calls, recoveries and file operations cost",
        "doctor": "say what is present, which versions, and what is missing"},
    "Put faults in": {
        "campaign": "put faults into services, count what came of them",
        "models": "list the fault models",
        "worker": "run experiments for a campaign elsewhere",
        "merge": "join the results of several machines"},
    "Look at what came of them": {
        "replay": "run one experiment again; tell it, draw it, debug it",
        "report": "write a page with charts; figures and tables for a paper",
        "export": "write a table of the database as CSV"},
}


class Sections(click.Group):
    """Lists its commands by SECTIONS."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """For --help."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))


@click.group(cls=Sections, context_settings=CONTEXT)
def cli() -> None:
    """Perdure: run programs on it, compile for it, and find out what it survives.

    The machine is QEMU (7.2 or later), emulated; PERDURE_QEMU names another command than qemu-system-x86_64.
    """


@cli.command(context_settings={**CONTEXT, "allow_interspersed_args": False})
@click.option("--disk", type=image_option, metavar="IMG", help="An ext2 image: the root file system. Changes are "
              "written back, however the run ends. Without it the program gets an empty disk.")
@click.option("--mem", type=click.IntRange(32), metavar="MB", help="Memory of the machine; the disk is held in it. "
              "Default: what the disk needs and 96 MB, at least 128.")
@click.option("--crash", metavar="SERVICE[,...][:EVERY][+...]", help="Kill these services again and again, each on average every "
              "EVERY instructions that it executes outside recovery (default 200000); all: every service there is.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the points of --crash.")
@click.option("--cut", type=click.IntRange(1), metavar="N", help="Cut the machine's power after N instructions since "
              "power-on (nanoseconds of its own time, in which it also waits).")
@click.option("--json", "json_path", type=image_option, metavar="FILE", help="Write crashes, recoveries and their "
              "times there.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="S", help="End the machine after so "
              "many seconds.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="A variable of the program's environment; repeatable.")
@click.option("--epoch", type=int, metavar="SECONDS", help="The machine's clock at power-on; default: now.")
@click.argument("program", type=image_option)
@click.argument("arguments", nargs=-1, metavar="[ARG]...", type=click.UNPROCESSED)
def run(disk: Path | None, mem: int | None, crash: str | None, seed: int, cut: int | None, json_path: Path | None,
        timeout: float | None, env: tuple[str, ...], epoch: int | None, program: Path,
        arguments: tuple[str, ...]) -> None:
    """Run PROGRAM, an ELF file made by `perdure cc`, with stdin, stdout and stderr passed through.

    \b
    Exit status: the program's, or
      120  kernel failure: the kernel panicked or the machine died without a verdict
      121  service lost: a service could not be brought back
      122  the power was cut (--cut)
      124  time-out
      125  the run could not be set up
      127  the program could not be started (a program that dies of a fault: 128 + signal, as in a shell)
    In all of 120 to 125 the reason is on stderr.
    """
    from faultinject import run as runner

    pairs = [pair.partition("=") for pair in env]
    if any(not separator or not name for name, separator, _ in pairs):
        raise click.UsageError("--env takes NAME=VALUE")
    request = runner.Request(program, list(arguments), disk, mem, runner.CrashPlan.parse(crash) if crash else None,
                             cut, seed, timeout, epoch, {name: value for name, _, value in pairs}, json_path is not None)
    result = runner.run(request)
    if json_path:
        runner.write_json(json_path, result)
    if result.reason:
        click.echo(f"perdure: {result.reason}", err=True)
    sys.exit(result.status)


@cli.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def cc(arguments: tuple[str, ...]) -> None:
    """Compile and link C for Perdure (newlib), with gcc's usual arguments."""
    compiler = ROOT / "lib" / "perdure-cc"
    os.execv(compiler, [str(compiler), *arguments])


def _campaign_file(context: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Its values become the defaults of the other parameters."""
    if path:
        from faultinject.campaignfile import load

        flags = {max(option.opts, key=len).lstrip("-"): option for option in context.command.params
                 if isinstance(option, click.Option)}
        context.default_map = {flags[key].name: value for key, value in load(path, flags).items()}
    return path


@cli.command()
@click.argument("file", type=image_option, required=False, metavar="[FILE.toml]", is_eager=True,
                expose_value=False, callback=_campaign_file)
@click.option("--service", default="fs", show_default=True, metavar="LIST", help="The services in which faults are put, "
              "with commas; all: every one that the workload uses.")
@click.option("--model", default="reg-bitflip,memory-abort,hang,kill", show_default=True, metavar="LIST",
              help="Fault models or groups of them, with commas; `perdure models` lists them.")
@click.option("--n", "count", type=click.IntRange(1), help="Faults in all, dealt out to the services and models in turn; "
              "with --until-halfwidth the most there may be.  [default: 200]")
@click.option("--exhaustive", metavar="OPERATION", type=click.Choice(["create", "write", "rename", "unlink", "sync", "recovery"]),
              help="Not a sample: every instruction of one such operation of one client (create, write, rename, unlink, sync), "
              "or of a recovery, in a workload of its own. Default model: kill.")
@click.option("--stride", type=click.IntRange(1), default=1, show_default=True, help="With --exhaustive: every so many-th "
              "instruction.")
@click.option("--until-halfwidth", metavar="P%", help="Stop as soon as the Wilson 95 % interval of an outcome's share has "
              "this half-width, for example 0.5%.")
@click.option("--outcome", default="silent_data_corruption", show_default=True, metavar="CLASS",
              help="The outcome that --until-halfwidth is about.")
@click.option("--seed", type=int, default=1, show_default=True, help="From which all faults are drawn.")
@click.option("--shard", default="0/1", metavar="I/N", help="Only part I (from 0) of N; `perdure merge` joins them.")
@click.option("--prune/--no-prune", default=True, show_default=True, help="Run equal register faults once, and those "
              "that are overwritten before they are read not at all; the figures are the same.")
@click.option("--out", "directory", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="For campaign.sqlite and summary.json. Default: build/campaign, where another campaign is replaced.")
@click.option("--resume", is_flag=True, help="Go on with the campaign in DIR; an error if there is none.")
@click.option("--replace", is_flag=True, help="If DIR holds another campaign, delete its results.")
@click.option("--jobs", type=click.IntRange(1, 256), default=max(os.cpu_count() or 1, 1), show_default=True,
              help="Experiments at a time. Results do not depend on it.")
@click.option("--dask", default="", metavar="ADDRESS", help="Run the experiments on the workers of this Dask scheduler "
              "(tcp://HOST:8786) instead of here.")
@click.option("--mem", type=click.IntRange(32), default=64, show_default=True, metavar="MB",
              help="Memory of the machine.")
@click.option("--recovery", type=click.Choice(["none", "restart", "ssr", "full"]), default="full", show_default=True,
              help="How much of recovery is in force: none (a service that fails stays down), restart (it starts without "
              "state), ssr (it is rebuilt, but the call in flight fails), full (and the call runs again).")
@click.option("--engine", "engine_name", type=click.Choice(["auto", "fork", "fresh", "stub"]), default="auto", show_default=True,
              help="fork: one QEMU forks the experiments. fresh: each has a QEMU of its own, slower, the same results. "
              "stub: and of it nothing is used but what every QEMU offers, slower again. auto: those take over where forking "
              "does not work, or QEMU was stripped of its symbols.")
@click.option("--early-end/--no-early-end", default=True, show_default=True, help="End an experiment when the machine's whole "
              "state is the golden run's; the results are the same.")
@click.option("--times", is_flag=True, help="Say at the end what processor time was spent on.")
@click.pass_context
def campaign(context: click.Context, service: str, model: str, exhaustive: str | None, stride: int, count: int | None, until_halfwidth: str | None, outcome: str, seed: int, shard: str, prune: bool, directory: Path | None,
             resume: bool, replace: bool, jobs: int, dask: str, mem: int, recovery: str, engine_name: str, early_end: bool, times: bool) -> None:
    """Inject faults into services while programs use them, and count what came of them. FILE.toml may say what flags do.

    The same arguments give the same results, byte for byte, on any machine with this version of QEMU. A campaign that
    was interrupted goes on when the same command is given again; one that is complete can be made larger with --n.
    """
    from faultinject import standard, table
    from faultinject.campaign import Request
    from faultinject.engine import Conduct, Engine
    from faultinject.every import Every
    from faultinject.models import parse_models
    from faultinject.plan import Shard
    from faultinject.stopping import Until

    console = table.make_console()
    conduct = Conduct(Engine(engine_name), early_end=early_end, say=lambda line: console.print(line, highlight=False))
    until = Until.parse(outcome, until_halfwidth) if until_halfwidth else None
    if until and Shard.parse(shard).of > 1:
        raise click.UsageError("a shard cannot know when the whole campaign is enough: --shard takes --n alone")
    services, every = standard.parse_services(service), None
    if exhaustive and context.get_parameter_source("model") is click.core.ParameterSource.DEFAULT:
        model = Every.usual_model(exhaustive)
    if exhaustive:
        every = Every.parse(exhaustive, stride, services, parse_models(model))
    most = until.most if until else Every.MOST if every else 200
    request = Request(services, parse_models(model), count or most, seed, jobs, Shard.parse(shard), prune, until, every,
                      dask, conduct)
    place = standard.Place(directory or BUILD / "campaign", replace or directory is None, resume)
    report = standard.run_campaign(request, place, mem, console, recovery)
    if times:
        table.print_times(console, report)


@cli.command()
@click.argument("address")
@click.option("--jobs", type=click.IntRange(1, 256), default=max(os.cpu_count() or 1, 1), show_default=True,
              help="Experiments at a time.")
def worker(address: str, jobs: int) -> None:
    """Run experiments for campaigns elsewhere: join the Dask scheduler at ADDRESS (tcp://HOST:8786) until it ends.

    Every worker needs this very checkout, and the campaign's version of QEMU.
    """
    from faultinject import cluster

    sys.exit(cluster.serve(address, jobs))


@cli.command()
@click.argument("databases", type=database_option, nargs=-1, required=True, metavar="DB...")
@click.option("--out", "directory", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR",
              help="For campaign.sqlite and summary.json of them all.")
def merge(databases: tuple[Path, ...], directory: Path) -> None:
    """Join the databases of a campaign's shards, or of campaigns with other seeds, services or models.

    Refuses databases of another system, disk, workload or version of QEMU.
    """
    from faultinject import merge as merger
    from faultinject import table

    found = merger.merge(databases, directory)
    table.print_summary(table.make_console(), found, directory / "campaign.sqlite")


@cli.command()
@click.argument("database", type=database_option, metavar="DB")
@click.option("--csv", is_flag=True, required=True, help="As comma-separated values.")
@click.option("--table", "name", default="experiment", show_default=True,
              type=click.Choice(["experiment", "recovery", "image", "stratum"]), help="What to write.")
@click.option("--out", type=click.File("w"), default="-", metavar="FILE", help="Default: standard output.")
def export(database: Path, csv: bool, name: str, out: TextIO) -> None:
    """Write a table of a campaign's database, in an order that is always the same; docs/database.md has the columns."""
    from faultinject.export import write_csv

    write_csv(database, name, out)


@cli.command()
def models() -> None:
    """List the fault models, and the groups under which several are asked for."""
    from faultinject import table

    table.print_models(table.make_console())


@cli.command()
@click.argument("database", type=database_option, metavar="DB")
@click.argument("other", type=database_option, metavar="[DB2]", required=False)
@click.option("-o", "--out", type=image_option, metavar="FILE", help="Default: report.html beside DB.")
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Also write each chart there "
              "as an SVG for a paper, with the numbers behind it as CSV.")
@click.option("--summary", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Also write the campaign there "
              "for publication: README.md with tables and figures, and every failure as CSV.")
def report(database: Path, other: Path | None, out: Path | None, figures: Path | None, summary: Path | None) -> None:
    """Write a campaign's report: one HTML page that works from a file, without a server or the network.

    With DB2 the page also compares both campaigns: absolute numbers of failures, differences with their intervals.
    """
    from faultinject.report import build

    target = out or database.parent / build.REPORT
    content = build.write(database, other, target)
    click.echo(f"{target}: {content.summary['injected']:,} faults, {content.failed:,} failures")
    if figures:
        from faultinject.report.figures import write_figures

        for path in write_figures(content, figures):
            click.echo(str(path))
    if summary:
        from faultinject.report import published

        for path in published.write(content, summary):
            click.echo(str(path))


@cli.command()
@click.argument("database", type=database_option)
@click.argument("which", metavar="ID")
@click.option("--output/--no-output", default=True, help="Show what the machine wrote.")
@click.option("--trace", is_flag=True, help="Tell the causal story (fault, detection, each stage of recovery, the call run "
              "again) as text, and draw it.")
@click.option("--picture", type=image_option, metavar="FILE", help="For the drawing of --trace, an SVG. Default: "
              "trace-ID.svg beside the database.")
@click.option("--gdb", is_flag=True, help="Stop where the fault is due, in gdb, with the symbols of kernel and services. "
              "PERDURE_GDB names another command than gdb.")
def replay(database: Path, which: str, output: bool, trace: bool, picture: Path | None, gdb: bool) -> None:
    """Run experiment ID (an id or a number) of a campaign's DATABASE again, in a fresh QEMU.

    Exit status 0 when the result is identical to the recorded one, 1 when it is not.
    """
    from faultinject import replay as replayer
    from faultinject import table
    from faultinject.machine import Qemu

    if gdb:
        from faultinject import debug

        sys.exit(debug.debug(database, which, Qemu.find()))
    result = replayer.replay(database, which, Qemu.find())
    if trace:
        replayer.write_trace(result, picture or database.parent / f"trace-{which}.svg")
    table.print_replay(table.make_console(), result, output and not trace)
    sys.exit(1 if result.differing else 0)


@cli.command()
@click.option("--crashes", type=click.IntRange(1), default=200, show_default=True, help="At least so many.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of their points.")
@click.option("--out", "directory", type=click.Path(path_type=Path, file_okay=False), default=BUILD, metavar="DIR",
              help="For demo.json and demo.svg. Default: build.")
def demo(crashes: int, seed: int, directory: Path) -> None:
    """Programs work on a disk of real files while the file system is crashed again and again; check everything."""
    from faultinject import demo as demonstration
    from faultinject import table

    sys.exit(demonstration.run(crashes, seed, directory, table.make_console()))


@cli.command()
@click.option("--out", "path", type=image_option, default=BUILD / "bench.json", metavar="FILE",
              help="Default: build/bench.json.")
@click.option("--picture", type=image_option, metavar="FILE", help="Instead of measuring, draw one call function by function, "
              "as it went, to an SVG.")
def bench(path: Path, picture: Path | None) -> None:
    """Measure calls, recovery and file operations in instructions, beside other kernels' figures."""
    if picture:
        from bench import path as one_call

        story = one_call.picture(picture)
        click.echo(f"{picture}: {story.outcome}; {story.reason}")
        return
    from bench import measure
    from faultinject import table

    measure.run(path, table.make_console())


@cli.command()
@click.option("--disk", type=image_option, metavar="IMG", help="An ext2 image, written back at the end. Default: a "
              "small one with this build's programs in /bin, thrown away.")
@click.option("--mem", type=click.IntRange(32), metavar="MB", help="Memory of the machine.")
def console(disk: Path | None, mem: int | None) -> None:
    """Boot to the shell on this terminal. Ctrl-A X ends the machine."""
    from faultinject import console as terminal

    sys.exit(terminal.interact(disk, mem))


@cli.command()
def doctor() -> None:
    """Say what is present, which versions, and what is missing."""
    program = ROOT / "setup" / "doctor"
    os.execv(program, [str(program)])


def _end(number: int, _: object) -> None:
    """A signal that ends us lets every `finally` run, so that no machine and no file is left."""
    sys.exit(128 + number)


def main() -> None:
    """Runs a command; errors that the user can mend are shown without a traceback."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        status = cli.main(standalone_mode=False, prog_name="perdure")
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(STATUS_SETUP if command == "run" else error.exit_code)
    except InjectorError as error:
        click.echo(f"perdure: {error}", err=True)
        sys.exit(STATUS_SETUP)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(141)
        click.echo(f"perdure: {explain_os_error(error)}", err=True)
        sys.exit(STATUS_SETUP)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)
