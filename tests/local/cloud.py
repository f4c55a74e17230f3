"""Starts and stops the local cloud: MiniStack on a free loopback port, with TLS, with IAM enforced."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

from tests.local.certificate import write_certificate
from tests.local.wait import wait_until

HOME_REGION = "eu-central-1"
REPLICA_REGION = "eu-west-1"

# Cold imports on a busy two-core machine take about ten seconds.
START_TIMEOUT_S = 90
# Its workers get no time of their own: nothing that matters outlives the temporary folder.
STOP_TIMEOUT_S = 10

_SERVER = Path(__file__).with_name("server.py")
# Of all sessions: reading a service's model anew for each takes longer than most calls.
_MODELS = botocore.loaders.create_loader()


@dataclass
class Cloud:
    """A running local cloud."""

    endpoint: str
    certificate: Path
    directory: Path
    process: subprocess.Popen
    _accounts: Iterator[int] = field(default_factory=lambda: itertools.count(100_000_000_001))

    @property
    def log(self) -> Path:
        """The server's own log."""
        return self.directory / "server.log"

    def new_account(self) -> str:
        """An account that nobody has used yet. Accounts see nothing of each other."""
        return str(next(self._accounts))

    def session(self, account: str, region: str = HOME_REGION) -> boto3.Session:
        """A session of the account's root user: MiniStack takes an access key of twelve digits for the account."""
        return _session(aws_access_key_id=account, aws_secret_access_key="test", region_name=region)

    def client(self, service: str, account: str, region: str = HOME_REGION, session: boto3.Session | None = None):
        """A client of one service; of the account's root user unless a session says otherwise."""
        return (session or self.session(account, region)).client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            verify=str(self.certificate),
            config=Config(
                # Asked once only: the first try of a call that seems lost may have woken a function, which must not
                # happen twice behind a story's back.
                retries={"total_max_attempts": 1},
                # As long as a function may run.
                read_timeout=900,
                # Addresses like bucket.127.0.0.1 do not resolve.
                s3={"addressing_style": "path"},
            ),
        )

    def as_role(self, account: str, role_arn: str, region: str = HOME_REGION) -> boto3.Session:
        """A session with a role's rights and no others, to see what the role may do."""
        answer = self.client("sts", account, region).assume_role(RoleArn=role_arn, RoleSessionName="story")
        credentials = answer["Credentials"]
        return _session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=region,
        )

    def environment(self, account: str, region: str = HOME_REGION) -> dict[str, str]:
        """What a command-line tool (sam, aws) needs in its environment to talk to this cloud as the account's root."""
        return {
            **_clean_environment(),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": str(self.certificate),
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "SAM_CLI_TELEMETRY": "0",
            # sam asks every five seconds whether a stack is ready; here it is ready in less than one.
            "SAM_CLI_POLL_DELAY": "0.5",
        }

    def tls(self) -> ssl.SSLContext:
        """What an ordinary HTTPS client needs to trust this cloud."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def stop(self) -> None:
        """Ends the server and the functions it has running, and removes its folder."""
        _end_group(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)


def _session(**credentials: str) -> boto3.Session:
    core = botocore.session.get_session()
    core.register_component("data_loader", _MODELS)
    return boto3.Session(botocore_session=core, **credentials)


@contextlib.contextmanager
def local_cloud() -> Iterator[Cloud]:
    """A local cloud for as long as the block lasts."""
    cloud = start()
    try:
        yield cloud
    finally:
        cloud.stop()


def start(keep: bool = False) -> Cloud:
    """Starts a local cloud and waits until it answers.

    It dies with the process that started it, even one that is killed, unless `keep` says that it is to be left behind.
    """
    directory = Path(tempfile.mkdtemp(prefix="holdfast-cloud-"))
    certificate, key = write_certificate(directory)
    # Another process can take the port between our look and the server's bind; then it says so and the next one is tried.
    for _ in range(3):
        port = _free_port()
        cloud = Cloud(
            endpoint=f"https://127.0.0.1:{port}",
            certificate=certificate,
            directory=directory,
            process=_spawn(directory, port, certificate, key, keep),
        )
        try:
            wait_until(lambda: _answers_or_ended(cloud), START_TIMEOUT_S, "the local cloud answers")
        except BaseException:
            _end_group(cloud.process)
            raise
        if cloud.process.poll() is None:
            return cloud
    tail = cloud.log.read_text(errors="replace")[-2000:]
    shutil.rmtree(directory, ignore_errors=True)
    raise RuntimeError(f"the local cloud did not start; its log ends:\n{tail}")


def _spawn(directory: Path, port: int, certificate: Path, key: Path, keep: bool) -> subprocess.Popen:
    scratch = directory / "tmp"
    scratch.mkdir(exist_ok=True)
    environment = {
        **_clean_environment(),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        # The host in the URLs it hands out: queues, function code.
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": HOME_REGION,
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate),
        "MINISTACK_SSL_KEY": str(key),
        "STATE_DIR": str(directory / "state"),
        "S3_DATA_DIR": str(directory / "s3"),
        "TMPDIR": str(scratch),
        # Functions inherit these: where the cloud is, and that its certificate is the only one they trust.
        "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
        # The same, because the stand-in for AWS Backup is mounted there; said, because functions may be asked to use it.
        "AWS_ENDPOINT_URL_BACKUP": f"https://127.0.0.1:{port}",
        "SSL_CERT_FILE": str(certificate),
        "AWS_CA_BUNDLE": str(certificate),
        # Two stories' worth of warm functions must not pile up on a small machine.
        "LAMBDA_WARM_TTL_SECONDS": "60",
    }
    with open(directory / "server.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", str(_SERVER)],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A group of its own, so that its functions can be ended with it and a Ctrl-C here does not reach it.
            start_new_session=True,
            preexec_fn=None if keep else _die_with_parent(),
        )


def _die_with_parent():
    """Asks Linux to end the server when its starter dies; elsewhere only `stop` does."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    set_parent_death_signal = 1
    return lambda: prctl(set_parent_death_signal, signal.SIGTERM)


def _answers_or_ended(cloud: Cloud) -> bool:
    if cloud.process.poll() is not None:
        return True
    try:
        with urllib.request.urlopen(f"{cloud.endpoint}/_ministack/health", timeout=5, context=cloud.tls()) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _end_group(process: subprocess.Popen) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        # The group may outlive its leader: functions that were running when it ended.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _clean_environment() -> dict[str, str]:
    """This process's environment without what could lead a tool to a real account."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
