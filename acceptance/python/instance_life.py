"""The life of an instance through Tencent Cloud's and Alibaba Cloud's Python SDKs, and librdkafka: terms, with the money
right after each step; routes and lists of addresses, while clients are connected.

Clients of one host come from 127.0.0.1: lists are with it or without it. Several addresses of clients are tried where a
client can choose its own (`crates/engine-embedded/tests/it/allowed.rs`).
"""

from decimal import Decimal

from alibabacloud_alikafka20190916 import models as tea
from alibabacloud_bssopenapi20171214 import models as bss_models
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import bss
import suite
from aliyun_sdk import REGION, alikafka_tea, bss_tea
from ckafka import PRO, buy, call, detail, running
from public_access import bought, is_open
from suite import account_with, check, equal, operator, unique, wait_until

# A month of CKafka's example: 1690 for 20 MB/s, and 200 GB at 35 for each hundred.
MONTH = Decimal(1760)
# A month of BSS' example.
SUBSCRIPTION_MONTH = Decimal("1908.5")
# How long a client may take to notice that its connection was closed, or that it may come again.
NOTICE_SECONDS = 30
DAY_SECONDS = 86_400


def ledger_is_right() -> None:
    """Every balance recomputed from transfers, every line compared with its money: the command fails otherwise."""
    operator("ledger", "check")


def flow_done(flow_id: int) -> None:
    """Waits for a task as Terraform does."""

    def is_done() -> bool:
        status = call("DescribeTaskStatus", {"FlowId": flow_id})["Result"]["Status"]
        if status == 1:
            raise AssertionError(f"the task {flow_id} failed")
        return status == 0

    wait_until(f"the task {flow_id}", is_done)


def is_answered(admin: AdminClient) -> bool:
    """Whether a client that may have been connected before is answered."""
    try:
        admin.list_topics(timeout=2)
    except KafkaException:
        return False
    return True


def bootstrap(vips: list[dict]) -> str:
    """Addresses as Kafka clients take them."""
    return ",".join(f"{vip['Vip']}:{vip['Vport']}" for vip in vips)


@check
def a_prepaid_cluster_is_bought_changed_renewed_and_refunded() -> None:
    begin = Decimal(20_000)
    own = account_with(str(begin))

    def paid() -> Decimal:
        ledger_is_right()
        return begin - bss.available(own)

    order = {**PRO, "Period": "1m", "InstanceName": unique("pre")}
    del order["PublicNetworkMonthly"]
    instance_id = call("CreateInstancePre", order, own)["Result"]["Data"]["InstanceId"]
    equal("paid for a month", paid(), MONTH)
    wait_until("Status 1", lambda: detail(instance_id, own)["Status"] == 1)
    equal("paid when it runs", paid(), MONTH)

    # Terraform says every size with each change.
    sizes = {"InstanceId": instance_id, "DiskSize": 300, "BandWidth": 20, "Partition": 400}
    call("ModifyInstancePre", sizes, own)
    wait_until("300 GB", lambda: detail(instance_id, own)["DiskSize"] == 300)
    wait_until("Status 1", lambda: detail(instance_id, own)["Status"] == 1)
    # The whole month but some seconds is left.
    difference = paid() - MONTH
    if not Decimal("34.9") < difference <= Decimal(35):
        raise AssertionError(f"100 GB more for nearly a month cost {difference}")

    before, end = paid(), detail(instance_id, own)["ExpireTime"]
    call("RenewCkafkaInstance", {"InstanceId": instance_id, "TimeSpan": 2}, own)
    equal("paid for two months more", paid() - before, 2 * (MONTH + 35))
    longer = detail(instance_id, own)["ExpireTime"] - end
    if not 59 * DAY_SECONDS <= longer <= 62 * DAY_SECONDS:
        raise AssertionError(f"two months are {longer} s")

    call("DeleteInstancePre", {"InstanceId": instance_id}, own)
    kept = paid()
    if not 0 <= kept < 1:
        raise AssertionError(f"of three months that have hardly begun {kept} were kept")
    wait_until("it is gone", lambda: detail(instance_id, own) is None)
    equal("paid in the end", paid(), kept)


@check
def a_subscription_is_renewed_once_for_a_token_and_refunded() -> None:
    begin = Decimal(50_000)
    own = account_with(str(begin))

    def paid() -> Decimal:
        ledger_is_right()
        return begin - bss.available(own)

    instance_id = bss.buy(own, **bss.PRE)["Data"]["InstanceId"]
    equal("paid for a year", paid(), 12 * SUBSCRIPTION_MONTH)
    bss.bootstrap_of(instance_id, own)
    client = bss_tea(own)
    renew = bss_models.RenewInstanceRequest(
        instance_id=instance_id,
        product_code="alikafka",
        product_type="alikafka_pre",
        renew_period=1,
        client_token=unique("token"),
    )
    orders = {client.renew_instance(renew).body.data.order_id for _ in range(3)}
    equal("orders of one token", len(orders), 1)
    equal("paid for a month more", paid(), 13 * SUBSCRIPTION_MONTH)
    refund = bss_models.RefundInstanceRequest(
        instance_id=instance_id, product_code="alikafka", product_type="alikafka_pre", immediately_release="1"
    )
    client.refund_instance(refund)
    kept = paid()
    if not 0 <= kept < 1:
        raise AssertionError(f"of thirteen months that have hardly begun {kept} were kept")


@check
def a_route_decides_what_librdkafka_may_do_while_it_is_connected() -> None:
    instance_id = buy(PRO)["InstanceId"]
    main = bootstrap(running(instance_id)["VipList"])
    route = {"VipType": 3, "AccessType": 0, "VpcId": "vpc-route", "SubnetId": "subnet-route"}
    made = call("CreateRoute", {"InstanceId": instance_id, **route})["Result"]["Data"]
    flow_done(made["FlowId"])
    route_id = made["RouteDTO"]["RouteId"]
    told = call("DescribeRoute", {"InstanceId": instance_id, "RouteId": route_id})["Result"]["Routers"]
    equal("routes", len(told), 1)
    addresses = bootstrap(told[0]["BrokerVipList"])
    by_route, by_main = (AdminClient({"bootstrap.servers": at}) for at in (addresses, main))
    topic = unique("routed")
    by_route.create_topics([NewTopic(topic, 3, 2)])[topic].result(30)
    # Who came by the route is shown that route of every broker.
    brokers = by_route.list_topics(timeout=10).brokers.values()
    equal("brokers by the route", {f"{one.host}:{one.port}" for one in brokers}, set(addresses.split(",")))
    producer = Producer({"bootstrap.servers": addresses, "message.timeout.ms": 60_000})
    producer.produce(topic, b"first")
    equal("unsent", producer.flush(30), 0)
    equal("the main route answers", is_answered(by_main), True)

    def allow(*blocks: str) -> None:
        ranges = [{"CidrBlock": block, "PolicyDescription": "a"} for block in blocks]
        call("ModifyAccessPolicy", {"InstanceId": instance_id, "RouteId": route_id, "IpWhitelist": ranges})

    allow("10.0.0.0/8")
    wait_until("the route's client is cut off", lambda: not is_answered(by_route), NOTICE_SECONDS)
    producer.produce(topic, b"kept")
    equal("the main route answers", is_answered(by_main), True)
    allow("10.0.0.0/8", "127.0.0.1")
    wait_until("the route's client is answered again", lambda: is_answered(by_route), NOTICE_SECONDS)
    equal("unsent", producer.flush(60), 0)

    deleted = call("DeleteRoute", {"InstanceId": instance_id, "RouteId": route_id})["Result"]["Data"]
    flow_done(deleted["FlowId"])
    equal("the route's listener is open", is_open(addresses), False)
    equal("the main route answers", is_answered(by_main), True)


@check
def an_allow_list_decides_what_librdkafka_may_do_while_it_is_connected() -> None:
    shown = bought()
    instance_id = shown["InstanceId"]
    admin = AdminClient({"bootstrap.servers": shown["EndPoint"]})
    equal("everybody is let in", is_answered(admin), True)

    def update(update_type: str, ip: str) -> None:
        request = tea.UpdateAllowedIpRequest(
            region_id=REGION,
            instance_id=instance_id,
            update_type=update_type,
            allowed_list_type="vpc",
            port_range="9092/9092",
            allowed_list_ip=ip,
        )
        alikafka_tea().update_allowed_ip(request)

    update("add", "172.168.4.0/24")
    equal("everybody is let in still", is_answered(admin), True)
    update("delete", "0.0.0.0/0")
    wait_until("the client is cut off", lambda: not is_answered(admin), NOTICE_SECONDS)
    update("add", "127.0.0.1")
    wait_until("the client is answered again", lambda: is_answered(admin), NOTICE_SECONDS)
    request = tea.GetAllowedIpListRequest(region_id=REGION, instance_id=instance_id)
    told = alikafka_tea().get_allowed_ip_list(request).body.allowed_list
    equal("the list", told.vpc_list[0].allowed_ip_list, ["172.168.4.0/24", "127.0.0.1"])


if __name__ == "__main__":
    suite.run()
