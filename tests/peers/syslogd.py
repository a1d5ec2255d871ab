"""rsyslog and syslog-ng as running programs: two judges of syslog, each with parsers and oddities of its own.

Both listen on loopback over UDP, TCP and TLS and write a JSON line for every record that they understood. With
`mutual` they want a client's certificate.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.artefacts import RSYSLOG, SYSLOG_NG
from tests.program import Program, answers, eventually, free_port
from tests.transport.authority import Authority

_RSYSLOG = """
global(workDirectory="{work}" maxMessageSize="8k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="{ca}"
       defaultNetstreamDriverCertFile="{cert}" defaultNetstreamDriverKeyFile="{key}")
module(load="imudp") module(load="mmpstrucdata") module(load="imptcp")
module(load="imtcp" streamDriver.mode="1" streamDriver.authMode="{auth}")
template(name="j" type="list") {{
  constant(value="{{\\"input\\":\\"")  property(name="inputname")
  constant(value="\\",\\"pri\\":")     property(name="pri")
  constant(value=",\\"time\\":\\"")    property(name="timereported" dateFormat="rfc3339")
  constant(value="\\",\\"host\\":\\"") property(name="hostname" format="json")
  constant(value="\\",\\"app\\":\\"")  property(name="app-name" format="json")
  constant(value="\\",\\"proc\\":\\"") property(name="procid" format="json")
  constant(value="\\",\\"id\\":\\"")   property(name="msgid" format="json")
  constant(value="\\",\\"sd\\":\\"")   property(name="structured-data" format="json")
  constant(value="\\",\\"data\\":")    property(name="$!rfc5424-sd")
  constant(value=",\\"text\\":\\"")    property(name="msg" format="json")
  constant(value="\\",\\"raw\\":\\"")  property(name="rawmsg" format="json")
  constant(value="\\"}}\\n")
}}
ruleset(name="r") {{
  action(type="mmpstrucdata")
  action(type="omfile" file="{out}" template="j" asyncWriting="off" flushOnTXEnd="on")
}}
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="r" name="udp")
input(type="imptcp" address="127.0.0.1" port="{tcp}" ruleset="r" name="tcp" supportOctetCountedFraming="on")
input(type="imtcp" address="127.0.0.1" port="{tls}" ruleset="r" name="tls" supportOctetCountedFraming="on")
"""
_SYSLOG_NG = """@version: 3.38
options {{ keep-hostname(yes); stats-freq(0); flush-lines(1); log-msg-size(65536); frac-digits(6); }};
source s {{
  syslog(ip(127.0.0.1) port({udp}) transport("udp"));
  syslog(ip(127.0.0.1) port({tcp}) transport("tcp"));
  syslog(ip(127.0.0.1) port({tls}) transport("tls")
         tls(key-file("{key}") cert-file("{cert}") ca-file("{ca}") peer-verify({auth})));
}};
source old {{ network(ip(127.0.0.1) port({lines}) transport("tcp")); }};
destination d {{
  file("{out}" template("$(format-json --scope rfc5424 --scope sdata --pair PRI=$PRI --pair ISODATE=$ISODATE)\\n"));
}};
log {{ source(s); source(old); destination(d); }};
"""


@dataclass(frozen=True)
class Taken:
    """A record as the receiver understood it."""

    priority: int
    time: str
    host: str
    app: str
    process: str
    id: str
    data: dict[str, dict[str, str]]
    text: str
    raw: str = ""


class Receiver(Program):
    """One of the two; ready when its TLS port answers."""

    def __init__(self, directory: Path, authority: Authority, *, mutual: bool = False) -> None:
        self.udp, self.tcp, self.tls, self.lines = (free_port() for _ in range(4))
        self.directory, self.out = directory, directory / "taken.jsonl"
        directory.mkdir(parents=True, exist_ok=True)
        pair = authority.pair(f"receiver-{directory.name}", "IP:127.0.0.1,DNS:localhost")
        self.config = directory / "receiver.conf"
        fields = {
            "work": directory, "ca": authority.file, "cert": pair.cert, "key": pair.key, "out": self.out,
            "udp": self.udp, "tcp": self.tcp, "tls": self.tls, "lines": self.lines, "auth": self.auth(mutual=mutual),
        }  # fmt: skip
        self.config.write_text(self.text().format(**fields))
        super().__init__(self.command(), directory / "receiver.log", self.environment())
        self.ready(lambda: answers(self.tls) and answers(self.tcp) and self.bound())

    def again(self) -> Program:
        """The same once more, with the same ports and files, after it has ended."""
        program = Program(self.command(), self.directory / "receiver.log", self.environment())
        return program.ready(lambda: answers(self.tls) and answers(self.tcp))

    def text(self) -> str:
        """Its configuration, with places."""
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        raise NotImplementedError

    def auth(self, *, mutual: bool) -> str:
        """Its word for whose certificates it wants."""
        raise NotImplementedError

    def read(self, line: dict[str, Any]) -> Taken:
        raise NotImplementedError

    def bound(self) -> bool:
        """Whether it has its UDP port: then nobody else can."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", self.udp))
            except OSError:
                return True
        return False

    def taken(self) -> list[Taken]:
        """What it has written; an unfinished last line is left out."""
        if not self.out.exists():
            return []
        whole = self.out.read_bytes().replace(b'"data":,', b'"data":null,')  # rsyslog has no word for nothing
        lines = whole.splitlines(keepends=True)
        return [self.read(json.loads(line)) for line in lines if line.endswith(b"\n")]

    def wait(self, count: int, seconds: float = 30) -> list[Taken]:
        """When there are this many; more are returned too, so that a test sees them."""
        eventually(lambda: len(self.taken()) >= count, seconds, f"{count} records in {self.out}")
        return self.taken()


def libraries(root: Path) -> str:
    found = sorted({str(path.parent) for path in root.glob("**/lib*.so*")})
    return ":".join(found)


class Rsyslog(Receiver):
    """8.2302. Lower-cases names in `data`, keeps a byte order mark, shows control characters as #010."""

    def text(self) -> str:
        return _RSYSLOG

    def command(self) -> list[str]:
        return [
            str(RSYSLOG.path / "usr/sbin/rsyslogd"), "-n", "-f", str(self.config), "-i", str(self.directory / "pid"),
            "-M", str(next(RSYSLOG.path.glob("usr/lib/*/rsyslog"))),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": libraries(RSYSLOG.path)}

    def auth(self, *, mutual: bool) -> str:
        return "x509/certvalid" if mutual else "anon"

    def read(self, line: dict[str, Any]) -> Taken:
        return Taken(
            line["pri"], line["time"], line["host"], line["app"], line["proc"], line["id"], line["data"] or {},
            line["text"], line["raw"],
        )  # fmt: skip


class SyslogNg(Receiver):
    """3.38. Takes octet counting only, but on `lines`; keeps the case of names, undoes the escapes of values."""

    def text(self) -> str:
        return _SYSLOG_NG

    def command(self) -> list[str]:
        modules = next(SYSLOG_NG.path.glob("usr/lib/syslog-ng/3.*"))
        return [
            str(SYSLOG_NG.path / "usr/sbin/syslog-ng"), "-F", "--no-caps", "-f", str(self.config),
            f"--module-path={modules}", "-p", str(self.directory / "pid"), "-c", str(self.directory / "ctl"),
            "-R", str(self.directory / "persist"),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": libraries(SYSLOG_NG.path)}

    def auth(self, *, mutual: bool) -> str:
        return "required-trusted" if mutual else "no"

    def read(self, line: dict[str, Any]) -> Taken:
        found = [line.get(key, "") for key in ("ISODATE", "HOST", "PROGRAM", "PID", "MSGID")]
        moment, host, app, process, id_ = found
        data = {name: flat(params) for name, params in line.get("_SDATA", {}).items()}
        return Taken(int(line["PRI"]), moment, host, app, process, id_, data, line.get("MESSAGE", ""))


def flat(params: Any, prefix: str = "") -> dict[str, str]:
    """syslog-ng makes an object of every dot in a name."""
    if not isinstance(params, dict):
        return {prefix: str(params)}
    found: dict[str, str] = {}
    for name, value in params.items():
        found |= flat(value, f"{prefix}.{name}" if prefix else name)
    return found
