"""Public access through three vendors' Python SDKs and librdkafka: it is there when it was bought, at the bought rate.

RATE_SECONDS is how long each rate is measured; from a minute on the bounds are those of a minute.
"""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

from alibabacloud_alikafka20190916 import models as tea
from aliyunsdkalikafka.request.v20190916.StartInstanceRequest import StartInstanceRequest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from tencentcloud.ckafka.v20190819 import models

import bss
import ckafka
import records
import suite
from alikafka import RUNNING, instance, instances, order
from aliyun_sdk import REGION, VPC, VSWITCH, ZONE, alikafka_tea, ask, classic
from suite import check, equal, operator, unique, wait_until

EIP_MBIT = 3
BYTES_PER_MBIT = 125_000
RATE_SECONDS = float(os.environ.get("RATE_SECONDS", "6"))
IS_LONG = RATE_SECONDS >= 60
WARM_UP_SECONDS = 5 if IS_LONG else 2
# How far a rate may be off: with small requests, and with a client's own settings. A short look sees whole batches.
NEAR, NEAR_BY_DEFAULT = (0.1, 0.3) if IS_LONG else (0.25, 0.5)
RECORD_BYTES = 4_000
SMALL_BYTES = 65_536


def start(instance_id: str, deploy_module: str) -> None:
    """StartInstance of what was bought, and its wait."""
    parameters = {"VpcId": VPC, "VSwitchId": VSWITCH, "ZoneId": ZONE, "DeployModule": deploy_module}
    ask(classic(), StartInstanceRequest(), InstanceId=instance_id, **parameters)
    wait_until("ServiceStatus 5", lambda: (instance(instance_id) or {}).get("ServiceStatus") == RUNNING)


def bought(**changes: object) -> dict:
    """A running AliKafka instance, as listed."""
    placed = order(**changes)
    instance_id = instances(OrderId=placed["OrderId"])[0]["InstanceId"]
    start(instance_id, "eip" if changes.get("DeployType") == 4 else "vpc")
    return instance(instance_id)


def secured(instance_id: str) -> dict[str, object]:
    """Settings of a client of public listeners: a user of its own, and whom to trust."""
    name = unique("user")
    made = operator("user", "put", instance_id, name)
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": name,
        "sasl.password": made["password"],
        "ssl.ca.location": str(Path(os.environ["DATA"]) / "clusters" / "ca.pem"),
    }


def is_open(addresses: str) -> bool:
    """Whether the first of them accepts."""
    host, port = addresses.split(",")[0].rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def near(what: str, rate: float, share: float) -> None:
    """The rate must be the bought one, but for a share of it."""
    wanted = EIP_MBIT * BYTES_PER_MBIT
    told = f"{what}: {rate / BYTES_PER_MBIT:.2f} Mbit/s, wanted {EIP_MBIT} ± {share:.0%}"
    print(f"    {told}", flush=True)
    if abs(rate - wanted) > share * wanted:
        raise AssertionError(told)


def measured(step: Callable[[], int]) -> float:
    """Bytes a second of steps that answer how much they moved, after the warm-up."""
    begin = time.monotonic() + WARM_UP_SECONDS
    while time.monotonic() < begin:
        step()
    begin, moved = time.monotonic(), 0
    while time.monotonic() < begin + RATE_SECONDS:
        moved += step()
    return moved / (time.monotonic() - begin)


def produce_rate(bootstrap: str, topic: str, **settings: object) -> float:
    """Bytes a second of acknowledged values."""
    acknowledged = [0]
    value = os.urandom(RECORD_BYTES)

    def on_delivery(error, message) -> None:
        if error:
            raise AssertionError(f"producing: {error}")
        acknowledged[0] += len(message.value())

    # What waits in the client is acknowledged in time.
    own = {"queue.buffering.max.kbytes": 512, "message.timeout.ms": 120_000}
    producer = Producer({"bootstrap.servers": bootstrap, **own, **settings})

    def step() -> int:
        before = acknowledged[0]
        try:
            producer.produce(topic, value, on_delivery=on_delivery)
            producer.poll(0)
        except BufferError:
            producer.poll(0.05)
        return acknowledged[0] - before

    rate = measured(step)
    equal("records without acknowledgement", producer.flush(120), 0)
    return rate


def fetch_rate(bootstrap: str, topic: str, **settings: object) -> float:
    """Bytes a second of values that are read."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": unique("reader"), **settings})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])

    def step() -> int:
        message = consumer.poll(0.05)
        if message is None:
            return 0
        if message.error():
            raise AssertionError(f"consuming: {message.error()}")
        return len(message.value())

    try:
        return measured(step)
    finally:
        consumer.close()


def filled(bootstrap: str, **settings: object) -> tuple[str, float]:
    """A topic with more than can be read at the bought rate, and the bytes a second at which it was written."""
    topic = unique("full")
    records.topic_create(bootstrap, topic, 1)
    total = int(2 * (RATE_SECONDS + WARM_UP_SECONDS) * EIP_MBIT * BYTES_PER_MBIT)
    begin = time.monotonic()
    producer = Producer({"bootstrap.servers": bootstrap, "batch.size": SMALL_BYTES, "linger.ms": 20, **settings})
    for _ in range(total // RECORD_BYTES):
        while True:
            try:
                producer.produce(topic, os.urandom(RECORD_BYTES))
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    equal("records without acknowledgement", producer.flush(120), 0)
    return topic, total / (time.monotonic() - begin)


# librdkafka wants its largest message to fit a fetch.
SMALL_FETCH = {"fetch.max.bytes": SMALL_BYTES, "max.partition.fetch.bytes": SMALL_BYTES, "message.max.bytes": SMALL_BYTES}


@check
def a_private_instance_has_no_public_endpoint() -> None:
    row = bought(DeployType=5)
    for field in ("SslEndPoint", "SslDomainEndpoint", "SaslEndPoint", "VpcSaslEndPoint"):
        equal(field, row.get(field), None)
    records.round_trip(row["EndPoint"], _topic(row["EndPoint"]))


def _topic(bootstrap: str, **settings: object) -> str:
    topic = unique("topic")
    records.topic_create(bootstrap, topic)
    return topic


@check
def bought_public_access_holds_its_rate_in_each_direction_and_the_private_listener_its_own() -> None:
    row = bought(DeployType=4, EipMax=EIP_MBIT)
    equal("bought", (row["DeployType"], row["EipMax"]), (4, EIP_MBIT))
    private, public = row["EndPoint"], row["SslEndPoint"]
    client = secured(row["InstanceId"])
    topic, private_rate = filled(private)
    if private_rate < 5 * EIP_MBIT * BYTES_PER_MBIT:
        raise AssertionError(f"the private listener takes {private_rate:.0f} bytes a second")
    near("fetches of 64 KiB", fetch_rate(public, topic, **client, **SMALL_FETCH), NEAR)
    written = unique("written")
    records.topic_create(private, written, 1)
    near("requests of 16 KiB", produce_rate(public, written, **client, **{"batch.size": 16_384}), NEAR)
    # Both directions at once, with a client's own settings, while the private listener is used.
    with ThreadPoolExecutor() as pool:
        fetching = pool.submit(fetch_rate, public, topic, **client)
        producing = pool.submit(produce_rate, public, written, **client)
        private_rate = filled(private)[1]
        near("fetches by default", fetching.result(), NEAR_BY_DEFAULT)
        near("requests by default", producing.result(), NEAR_BY_DEFAULT)
    if private_rate < 5 * EIP_MBIT * BYTES_PER_MBIT:
        raise AssertionError(f"beside public clients the private listener takes {private_rate:.0f} bytes a second")


@check
def public_access_comes_and_goes_with_the_order() -> None:
    row = bought(DeployType=5)
    instance_id = row["InstanceId"]
    client = alikafka_tea()
    up = client.upgrade_post_pay_order, tea.UpgradePostPayOrderRequest
    down = client.downgrade_post_pay_order, tea.DowngradePostPayOrderRequest

    def changed(way: tuple, model: bool, mbit: int, deploy_type: int) -> dict:
        call, request = way
        call(request(region_id=REGION, instance_id=instance_id, eip_model=model, eip_max=mbit))

        def done() -> dict | None:
            seen = instance(instance_id)
            is_done = (seen["DeployType"], seen["EipMax"], seen["ServiceStatus"]) == (deploy_type, mbit, RUNNING)
            return seen if is_done else None

        return wait_until(f"EipMax {mbit}", done)

    public = changed(up, True, EIP_MBIT, 4)["SslEndPoint"]
    user = secured(instance_id)
    records.expect_records(row["EndPoint"], *_written(row["EndPoint"], public, user))
    equal("the endpoint stays", changed(up, True, 6, 4)["SslEndPoint"], public)
    gone = changed(down, False, 0, 5)
    equal("SslEndPoint", gone.get("SslEndPoint"), None)
    equal("the private endpoint stays", gone["EndPoint"], row["EndPoint"])
    equal("open", (is_open(public), is_open(row["EndPoint"])), (False, True))


def _written(private: str, public: str, client: dict[str, object]) -> tuple[str, dict]:
    """A topic that is written through a public listener, and what was acknowledged."""
    topic = _topic(private)
    return topic, records.produce(public, topic, 200, **client)


@check
def the_order_system_sells_the_same() -> None:
    modules = {**bss.MODULES, "DeployType": "4", "EipMax": str(EIP_MBIT)}
    instance_id = bss.buy(modules=modules, **bss.POST)["Data"]["InstanceId"]
    private = bss.bootstrap_of(instance_id)
    public = instance(instance_id)["SslEndPoint"]
    records.expect_records(private, *_written(private, public, secured(instance_id)))


@check
def ckafka_has_a_public_route_when_it_was_bought() -> None:
    client = ckafka.client()
    for monthly, routes in [(EIP_MBIT, [(1, 3)]), (0, [])]:
        instance_id = ckafka.bought_ids(ckafka.buy(ckafka.PRO, PublicNetworkMonthly=monthly))[0]
        vips = ckafka.running(instance_id)["VipList"]
        private = ",".join(f"{vip['Vip']}:{vip['Vport']}" for vip in vips)
        request = models.DescribeRouteRequest()
        request.InstanceId = instance_id
        told = client.DescribeRoute(request).Result.Routers
        equal("routes", [(route.VipType, route.AccessType) for route in told], routes)
        for route in told:
            public = ",".join(f"{vip.Vip}:{vip.Vport}" for vip in route.VipList)
            records.expect_records(private, *_written(private, public, secured(instance_id)))


if __name__ == "__main__":
    suite.run()
