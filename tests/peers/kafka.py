"""A real Apache Kafka (KRaft, one node): a listener for each way to say who we are, and a consumer's view of topics.

`Kafka` is shared by the tests of a run, each with topics of its own; `OwnKafka` is one test's, which may stop it, kill
it and start it again. Accounts: `gw` may do everything, `poor` what `deny` leaves it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition, admin
from confluent_kafka.admin import AdminClient

from tests.peers.artefacts import KAFKA
from tests.peers.shared import SharedServer
from tests.program import Program, eventually, free_port
from tests.transport.authority import Authority

ADMIN: Any = admin  # it has the names below, though its stubs do not export them

PASSWORD = "gw-peer-secret"
ACCOUNTS = ("gw", "poor")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
LISTENERS = ("PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL", "CONTROLLER")
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"
JAVA = ("java", "-Xms96m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
START = """
set -e
libs=$1 run=$2
shift 2
[ -d "$run/data" ] || "$@" kafka.tools.StorageTool format --cluster-id CLUSTER --config "$run/server.properties" SCRAM
exec "$@" kafka.Kafka "$run/server.properties"
"""

JAAS = "org.apache.kafka.common.security"
LOGIN = {
    "plain": f"{JAAS}.plain.PlainLoginModule required "
    + " ".join(f'user_{account}="{PASSWORD}"' for account in ACCOUNTS),
    "scram-sha-256": f"{JAAS}.scram.ScramLoginModule required",
    "scram-sha-512": f"{JAAS}.scram.ScramLoginModule required",
    # tokens without a signature (alg none), whose times and subject are checked
    "oauthbearer": f'{JAAS}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"',
}


def ports() -> dict[str, int]:
    return {listener: free_port() for listener in LISTENERS}


def write(run: Path, listening: Mapping[str, int]) -> Path:
    """Certificates and configuration in the run directory; returns the authority's certificate."""
    (run / "tls").mkdir()
    authority = Authority(run / "tls")
    server = authority.pair("server", "IP:127.0.0.1,DNS:localhost")
    authority.pair("client", "DNS:client")
    authority.pair("other-name", "DNS:elsewhere.example.com")
    (run / "tls" / "keystore.pem").write_text(Path(server.key).read_text() + Path(server.cert).read_text())
    addresses = ",".join(f"{name}://127.0.0.1:{port}" for name, port in listening.items())
    advertised = ",".join(part for part in addresses.split(",") if not part.startswith("CONTROLLER"))
    jaas = "\n".join(
        f"listener.name.{listener}.{mechanism}.sasl.jaas.config={login};"
        for listener in ("sasl_plaintext", "sasl_ssl")
        for mechanism, login in LOGIN.items()
    )
    (run / "server.properties").write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{listening["CONTROLLER"]}
listeners={addresses}
advertised.listeners={advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,{",".join(f"{n}:{n}" for n in LISTENERS if n != "CONTROLLER")}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms={",".join(MECHANISMS)}
{jaas}
ssl.keystore.type=PEM
ssl.keystore.location={run}/tls/keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location={run}/tls/ca.pem
listener.name.ssl.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:gw
allow.everyone.if.no.acl.found=true
log.dirs={run}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.partitions=1
auto.create.topics.enable=true
message.max.bytes=1048588
log.cleaner.enable=false
""")
    return authority.file


def words(run: Path, libs: Path) -> list[str]:
    """How it is started."""
    scram = [f"--add-scram '{m}=[name={a},password={PASSWORD}]'" for m in MECHANISMS[1:3] for a in ACCOUNTS]
    script = START.replace("CLUSTER", CLUSTER).replace("SCRAM", " ".join(scram))
    java = [*JAVA, f"-Dlog4j2.configurationFile={libs}/log4j2.properties", "-cp", f"{libs}/*"]
    return ["sh", "-c", script, "sh", str(libs), str(run), *java]


@dataclass(frozen=True)
class Read:
    """A message as a consumer reads it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]
    time: int


@dataclass(frozen=True)
class Broker:
    """Where it listens, and what is in it."""

    listening: Mapping[str, int]
    run: Path

    def address(self, listener: str = "PLAINTEXT") -> str:
        return f"127.0.0.1:{self.listening[listener]}"

    def file(self, name: str) -> str:
        """A file of its certificates: ca.pem, client.pem, client.key."""
        return str(self.run / "tls" / name)

    @property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address(), "log_level": 0})

    def well(self) -> bool:
        try:
            return bool(self.admin.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def topic(self, name: str, partitions: int = 1, **config: str) -> str:
        """Make a topic; its name is returned."""
        spelled = {key.replace("_", "."): value for key, value in config.items()}
        asked = self.admin  # a client that nobody holds ends at once
        for made in asked.create_topics([ADMIN.NewTopic(name, partitions, 1, config=spelled)]).values():
            made.result(20)
        return name

    def deny(self, topic: str, account: str) -> None:
        """This account may not write there."""
        rule = ADMIN.AclBinding(*_about(topic, account), ADMIN.AclOperation.WRITE, ADMIN.AclPermissionType.DENY)
        asked = self.admin
        asked.create_acls([rule])[rule].result(20)

    def permit(self, topic: str, account: str) -> None:
        """It may again."""
        rules = ADMIN.AclBindingFilter(*_about(topic, account), ADMIN.AclOperation.ANY, ADMIN.AclPermissionType.ANY)
        asked = self.admin
        asked.delete_acls([rules])[rules].result(20)

    def read(self, topic: str, count: int, seconds: float = 60) -> list[Read]:
        """A topic from its beginning, when it has so many messages; more are read too, so that a test sees them."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.address(), "group.id": "unused", "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "enable.partition.eof": True, "log_level": 0,
        }  # fmt: skip
        found: list[Read] = []
        end = time.monotonic() + seconds
        with closing(Consumer(settings)) as consumer:
            partitions = consumer.list_topics(topic, 10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            ended: set[int] = set()
            while (len(found) < count or len(ended) < len(partitions)) and time.monotonic() < end:
                message = consumer.poll(0.5)
                if message is None:
                    continue
                if message.error() is not None:
                    ended.add(message.partition() or 0)
                    continue
                pairs: Any = message.headers() or ()  # a list of pairs, whatever the stubs say
                headers = {name: value or b"" for name, value in pairs}
                moment = message.timestamp()[1]
                place = (message.partition() or 0, message.offset() or 0)
                found.append(Read(*place, message.key(), message.value() or b"", headers, moment))
        assert len(found) >= count, f"{topic} has {len(found)} messages, not {count}"
        return found


def _about(topic: str, account: str) -> tuple[Any, ...]:
    return ADMIN.ResourceType.TOPIC, topic, ADMIN.ResourcePatternType.LITERAL, f"User:{account}", "*"


class Kafka(SharedServer):
    """The one that tests share."""

    artefact = KAFKA

    def prepare(self, run: Path, home: Path) -> dict[str, Any]:
        listening = ports()
        write(run, listening)
        return {"listening": listening}

    def command(self, run: Path, home: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        return words(run, home), {}

    def answers(self) -> bool:
        return self.broker.well()

    @property
    def broker(self) -> Broker:
        return Broker(self.state["listening"], Path(self.state["run"]))


class OwnKafka:
    """One test's own, as a process of the test; its data outlive it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.broker = Broker(ports(), directory)
        write(directory, self.broker.listening)
        self.program = self._started()

    def stop(self) -> None:
        self.program.stop()

    def kill(self) -> None:
        self.program.kill()

    def start(self) -> None:
        """Again."""
        self.program = self._started()

    def _started(self) -> Program:
        program = Program(words(self.broker.run, KAFKA.path), self.broker.run / "log")
        try:
            eventually(lambda: program.ended() or self.broker.well(), 90, "Kafka answers")
            assert not program.ended(), "Kafka ended"
        except AssertionError as why:
            program.stop()
            raise AssertionError(f"{why}\n{program.tail()}") from None
        return program

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.program.stop()
