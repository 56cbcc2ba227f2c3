"""AliKafka through Alibaba Cloud's own Python SDKs: purchase, start, use, release, refusals.

The law is the vendor page "CreatePostPayOrder"; answer trees are those of the SDK's models.
"""

import json
import socket
import urllib.error
import urllib.request
from xml.etree import ElementTree

from alibabacloud_alikafka20190916 import models as tea
from aliyunsdkalikafka.request.v20190916.CreatePostPayOrderRequest import CreatePostPayOrderRequest
from aliyunsdkalikafka.request.v20190916.CreateTopicRequest import CreateTopicRequest
from aliyunsdkalikafka.request.v20190916.DeleteInstanceRequest import DeleteInstanceRequest
from aliyunsdkalikafka.request.v20190916.GetInstanceListRequest import GetInstanceListRequest
from aliyunsdkalikafka.request.v20190916.GetQuotaTipRequest import GetQuotaTipRequest
from aliyunsdkalikafka.request.v20190916.GetTopicListRequest import GetTopicListRequest
from aliyunsdkalikafka.request.v20190916.ReleaseInstanceRequest import ReleaseInstanceRequest
from aliyunsdkalikafka.request.v20190916.StartInstanceRequest import StartInstanceRequest
from aliyunsdkcore.auth.algorithm import sha_hmac1
from aliyunsdkcore.auth.composer.rpc_signature_composer import get_signed_url
from aliyunsdkvpc.request.v20160428.DescribeVSwitchAttributesRequest import DescribeVSwitchAttributesRequest

import group
import records
import suite
from aliyun_sdk import REGION, VPC, VSWITCH, ZONE, alikafka_tea, ask, classic, classic_refused, tea_refused
from suite import SANDBOX, Credentials, Maybe, account_with, check, equal, expect_tree, unique, wait_until

# The request of the vendor page.
PAGE = {
    "TopicQuota": 50,
    "DiskType": "1",
    "DiskSize": 900,
    "DeployType": 5,
    "IoMax": 20,
    "SpecType": "normal",
    "IoMaxSpec": "alikafka.hw.2xlarge",
}
COMMON = {"Code": int, "Message": str, "RequestId": str, "Success": bool}
ORDER_TREE = {**COMMON, "OrderId": str}
INSTANCE_TREE = {
    "AllConfig": Maybe(str),
    "AutoCreateGroupEnable": Maybe(bool),
    "AutoCreateTopicEnable": Maybe(bool),
    "BackupZoneId": Maybe(str),
    "CreateTime": int,
    "DefaultPartitionNum": int,
    "DeployType": int,
    "DiskSize": int,
    "DiskType": int,
    "DomainEndpoint": str,
    "EipMax": int,
    "EndPoint": str,
    "ExpiredTime": int,
    "InstanceId": str,
    "IoMax": int,
    "IoMaxRead": int,
    "IoMaxSpec": str,
    "IoMaxWrite": int,
    "KmsKeyId": Maybe(str),
    "MsgRetain": int,
    "Name": str,
    "PaidType": int,
    "RecommendedPartitionCount": Maybe(int),
    "RegionId": str,
    "ReservedPublishCapacity": Maybe(int),
    "ReservedSubscribeCapacity": Maybe(int),
    "ResourceGroupId": Maybe(str),
    "SaslDomainEndpoint": Maybe(str),
    "SaslEndPoint": Maybe(str),
    "ScheduledRetirement": Maybe(bool),
    "SecurityGroup": str,
    "Series": str,
    "ServiceStatus": int,
    "SpecType": str,
    "SslDomainEndpoint": Maybe(str),
    "SslEndPoint": Maybe(str),
    "StandardZoneId": Maybe(str),
    "Tags": dict,
    "TopicNumLimit": int,
    "UpgradeServiceDetailInfo": {"Current2OpenSourceVersion": str},
    "UsedGroupCount": int,
    "UsedPartitionCount": int,
    "UsedTopicCount": int,
    "VSwitchId": str,
    "VSwitchIds": {"VSwitchIds": [str]},
    "ViewInstanceStatusCode": int,
    "VpcId": str,
    "VpcSaslDomainEndpoint": Maybe(str),
    "VpcSaslEndPoint": Maybe(str),
    "ZoneId": str,
}
QUOTA_TREE = {
    "GroupLeft": int,
    "GroupUsed": int,
    "IsPartitionBuy": int,
    "PartitionLeft": int,
    "PartitionNumOfBuy": int,
    "PartitionQuota": int,
    "PartitionUsed": int,
    "TopicLeft": int,
    "TopicNumOfBuy": int,
    "TopicQuota": int,
    "TopicUsed": int,
}
TOPIC_TREE = {
    "AutoCreate": Maybe(bool),
    "CompactTopic": bool,
    "CreateTime": int,
    "InstanceId": str,
    "LocalTopic": bool,
    "PartitionNum": int,
    "RegionId": str,
    "Remark": str,
    "Status": int,
    "StatusName": str,
    "Tags": dict,
    "Topic": str,
    "TopicConfig": str,
}
# ServiceStatus of GetInstanceList.
WAITING, RUNNING, RELEASED = 0, 5, 15


def order(credentials: Credentials = SANDBOX, **changes: object) -> dict:
    """The page's order with some parameters changed; None leaves one out."""
    parameters = {name: value for name, value in {**PAGE, **changes}.items() if value is not None}
    return ask(classic(credentials), CreatePostPayOrderRequest(), **parameters)


def instances(**filters: object) -> list[dict]:
    """GetInstanceList with filters."""
    answer = ask(classic(), GetInstanceListRequest(), **filters)
    expect_tree(answer, {**COMMON, "InstanceList": {"InstanceVO": list}})
    return answer["InstanceList"]["InstanceVO"]


def instance(instance_id: str) -> dict | None:
    """The instance as listed, or None when it is gone."""
    found = instances(InstanceIds=[instance_id])
    return found[0] if found else None


def start(instance_id: str, **config: str) -> None:
    """StartInstance, then polled as Terraform does until ServiceStatus is 5."""
    expect_tree(
        ask(
            classic(),
            StartInstanceRequest(),
            InstanceId=instance_id,
            VpcId=VPC,
            VSwitchId=VSWITCH,
            ZoneId=ZONE,
            DeployModule="vpc",
            Name=unique("started"),
            Config=json.dumps({"kafka.log.retention.hours": "72", **config}),
        ),
        COMMON,
    )
    wait_until("ServiceStatus 5", lambda: (instance(instance_id) or {}).get("ServiceStatus") == RUNNING)


def topic_through_api(instance_id: str) -> str:
    """CreateTopic, then polled by exact name until its Status is 0."""
    topic = unique("topic")
    created = ask(
        classic(), CreateTopicRequest(), InstanceId=instance_id, Topic=topic, Remark="acceptance", PartitionNum="3"
    )
    expect_tree(created, COMMON)

    def in_service() -> bool:
        answer = ask(classic(), GetTopicListRequest(), InstanceId=instance_id, Topic=topic)
        tree = {"TopicList": {"TopicVO": list}, "CurrentPage": int, "PageSize": int, "Total": int}
        expect_tree(answer, {**COMMON, **tree})
        rows = answer["TopicList"]["TopicVO"]
        if not rows:
            return False
        expect_tree(rows, [TOPIC_TREE])
        equal("listed topic", (rows[0]["Topic"], rows[0]["PartitionNum"]), (topic, 3))
        return rows[0]["Status"] == 0

    wait_until("topic in service", in_service)
    return topic


@check
def the_page_example_buys_a_cluster_that_keeps_ten_thousand_records() -> None:
    bought = order()
    expect_tree(bought, ORDER_TREE)
    equal("common part", (bought["Code"], bought["Message"], bought["Success"]), (200, "operation success.", True))
    listed = instances(OrderId=bought["OrderId"])
    equal("instances of the order", len(listed), 1)
    equal("status before StartInstance", listed[0]["ServiceStatus"], WAITING)
    instance_id = listed[0]["InstanceId"]
    start(instance_id)
    running = instance(instance_id)
    expect_tree(running, INSTANCE_TREE, "InstanceVO")
    wanted = {"DiskSize": 900, "DiskType": 1, "DeployType": 5, "SpecType": "normal", "PaidType": 1, "IoMax": 20}
    wanted |= {"IoMaxSpec": "alikafka.hw.2xlarge", "RegionId": REGION, "VpcId": VPC, "VSwitchId": VSWITCH}
    equal("what was bought", {name: running[name] for name in wanted}, wanted)
    if not running["DomainEndpoint"]:
        raise AssertionError("DomainEndpoint is empty")
    equal("brokers", len(running["EndPoint"].split(",")), 3)
    records.round_trip(running["EndPoint"], topic_through_api(instance_id))


@check
def the_current_sdk_buys_by_partitions_and_its_cluster_keeps_ten_thousand_records() -> None:
    client = alikafka_tea()
    bought = client.create_post_pay_order(
        tea.CreatePostPayOrderRequest(
            region_id=REGION,
            deploy_type=4,
            eip_max=3,
            disk_type="0",
            disk_size=800,
            io_max_spec="alikafka.hw.3xlarge",
            spec_type="professional",
            partition_num=100,
            paid_type=1,
            tag=[tea.CreatePostPayOrderRequestTag(key="team", value="acceptance")],
        )
    )
    equal("HTTP status", bought.status_code, 200)
    expect_tree(bought.body.to_map(), ORDER_TREE)
    by_order = tea.GetInstanceListRequest(region_id=REGION, order_id=bought.body.order_id)
    instance_id = client.get_instance_list(by_order).body.instance_list.instance_vo[0].instance_id
    client.start_instance(
        tea.StartInstanceRequest(
            region_id=REGION,
            instance_id=instance_id,
            vpc_id=VPC,
            v_switch_id=VSWITCH,
            zone_id=ZONE,
            deploy_module="eip",
            is_eip_inner=True,
            cross_zone=False,
        )
    )
    by_id = tea.GetInstanceListRequest(region_id=REGION, instance_id=[instance_id])

    def running():
        row = client.get_instance_list(by_id).body.instance_list.instance_vo[0]
        return row if row.service_status == RUNNING else None

    row = wait_until("ServiceStatus 5", running)
    equal("public traffic and edition", (row.eip_max, row.spec_type, row.deploy_type), (3, "professional", 4))
    equal("tags", [(tag.key, tag.value) for tag in row.tags.tag_vo], [("team", "acceptance")])
    topic = unique("topic")
    client.create_topic(
        tea.CreateTopicRequest(
            region_id=REGION, instance_id=instance_id, topic=topic, remark="acceptance", partition_num="6"
        )
    )
    records.round_trip(row.end_point, topic)


@check
def quota_tip_counts_what_was_bought_and_used() -> None:
    bought = order(TopicQuota=None, PartitionNum=200)
    instance_id = instances(OrderId=bought["OrderId"])[0]["InstanceId"]
    start(instance_id)
    topic_through_api(instance_id)
    answer = ask(classic(), GetQuotaTipRequest(), InstanceId=instance_id)
    expect_tree(answer, {**COMMON, "QuotaData": QUOTA_TREE})
    quota = answer["QuotaData"]
    wanted = {"PartitionNumOfBuy": 200, "PartitionQuota": 1200, "PartitionUsed": 3, "PartitionLeft": 1197}
    wanted |= {"TopicQuota": 1200, "TopicUsed": 1, "IsPartitionBuy": 1}
    equal("quota", {name: quota[name] for name in wanted}, wanted)


@check
def a_released_instance_stays_listed_until_it_is_deleted() -> None:
    instance_id = instances(OrderId=order()["OrderId"])[0]["InstanceId"]
    start(instance_id)
    ask(classic(), ReleaseInstanceRequest(), InstanceId=instance_id, ForceDeleteInstance=True)
    wait_until("ServiceStatus 15", lambda: (instance(instance_id) or {}).get("ServiceStatus") == RELEASED)
    ask(classic(), DeleteInstanceRequest(), InstanceId=instance_id)
    wait_until("no longer listed", lambda: instance(instance_id) is None)


@check
def brokers_stand_in_the_zones_that_the_start_names() -> None:
    instance_id = instances(OrderId=order(SpecType="professional")["OrderId"])[0]["InstanceId"]
    zones = json.dumps([["zoneh"], ["zonek"]])
    ask(classic(), StartInstanceRequest(), InstanceId=instance_id, VpcId=VPC, VSwitchId=VSWITCH, SelectedZones=zones)
    wait_until("ServiceStatus 5", lambda: (instance(instance_id) or {}).get("ServiceStatus") == RUNNING)
    racks = records.racks(instance(instance_id)["EndPoint"])
    equal("racks", sorted(set(racks.values())), ["cn-hangzhou-h", "cn-hangzhou-k"])


@check
def what_all_config_shows_is_in_force() -> None:
    instance_id = instances(OrderId=order()["OrderId"])[0]["InstanceId"]
    start(instance_id)
    endpoint = instance(instance_id)["EndPoint"]
    records.expect_settings(endpoint, {"log.retention.ms": "259200000"})
    config = {"kafka.log.retention.hours": "33", "kafka.message.max.bytes": "1048600"}
    request = tea.UpdateInstanceConfigRequest(region_id=REGION, instance_id=instance_id, config=json.dumps(config))
    alikafka_tea().update_instance_config(request)
    shown = json.loads(instance(instance_id)["AllConfig"])
    equal("AllConfig", {name: shown[name] for name in config}, config)
    records.expect_settings(endpoint, {"log.retention.ms": "118800000", "message.max.bytes": "1048600"})


def configure(instance_id: str, **config: str) -> dict:
    """UpdateInstanceConfig, and its wait; the names of settings have `_` for `.`. Returns the instance as listed."""
    names = {"acl": "enable.acl", "sasl": "enable.vpc_sasl_ssl", "bytes": "kafka.message.max.bytes"}
    config = {names[name]: value for name, value in config.items()}
    request = tea.UpdateInstanceConfigRequest(region_id=REGION, instance_id=instance_id, config=json.dumps(config))
    alikafka_tea().update_instance_config(request)

    def shown() -> dict | None:
        row = instance(instance_id)
        has = {name: json.loads(row["AllConfig"])[name] for name in config}
        return row if has == config and row["ServiceStatus"] == RUNNING else None

    return wait_until(f"{config}", shown)


def make_user(instance_id: str, name: str) -> dict[str, object]:
    """CreateSaslUser; a Kafka client's settings for it."""
    password = unique("word")
    alikafka_tea().create_sasl_user(
        tea.CreateSaslUserRequest(region_id=REGION, instance_id=instance_id, username=name, password=password)
    )
    settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    return {**settings, "sasl.username": name, "sasl.password": password}


def grant(instance_id: str, user: str, topic: str, operation: str) -> None:
    """CreateAcl of one operation on one topic."""
    alikafka_tea().create_acl(
        tea.CreateAclRequest(
            region_id=REGION,
            instance_id=instance_id,
            username=user,
            acl_resource_type="Topic",
            acl_resource_name=topic,
            acl_resource_pattern_type="LITERAL",
            acl_operation_type=operation,
        )
    )


@check
def users_need_grants_while_acl_is_enabled_and_the_default_endpoint_needs_none() -> None:
    instance_id = instances(OrderId=order(SpecType="professional")["OrderId"])[0]["InstanceId"]
    start(instance_id)
    equal("SASL before it is switched on", instance(instance_id).get("SaslEndPoint"), None)
    row = configure(instance_id, sasl="true", acl="true")
    plain, sasl = row["EndPoint"], wait_until("SaslEndPoint", lambda: instance(instance_id).get("SaslEndPoint"))
    topic = topic_through_api(instance_id)
    anna, bert = (make_user(instance_id, name) for name in ("anna", "bert"))
    grant(instance_id, "anna", topic, "Write")

    def told(wanted: dict[str, str]) -> None:
        doors = {"anna": (sasl, anna), "bert": (sasl, bert), "nobody": (plain, {})}
        equal("deliveries", {who: records.delivery(at, topic, **how) for who, (at, how) in doors.items()}, wanted)

    told({"anna": "done", "bert": "TOPIC_AUTHORIZATION_FAILED", "nobody": "done"})
    grant(instance_id, "bert", topic, "Write")
    told({"anna": "done", "bert": "done", "nobody": "done"})
    carl = make_user(instance_id, "carl")
    equal("carl", records.delivery(sasl, topic, **carl), "TOPIC_AUTHORIZATION_FAILED")
    configure(instance_id, acl="false")
    wait_until("carl writes", lambda: records.delivery(sasl, topic, **carl) == "done")
    tea_refused(lambda: grant(instance_id, "carl", topic, "Read"), "BIZ_ACL_NOT_ENABLED")
    gone = configure(instance_id, sasl="false")
    equal("SASL after it is switched off", (gone.get("SaslEndPoint"), gone.get("VpcSaslEndPoint")), (None, None))


@check
def the_largest_message_of_all_config_is_the_largest_that_is_taken() -> None:
    instance_id = instances(OrderId=order()["OrderId"])[0]["InstanceId"]
    start(instance_id)
    endpoint, topic = instance(instance_id)["EndPoint"], topic_through_api(instance_id)
    value = b"x" * 2_000_000
    equal("by default", records.delivery(endpoint, topic, value), "MSG_SIZE_TOO_LARGE")
    configure(instance_id, bytes="3000000")
    wait_until("taken", lambda: records.delivery(endpoint, topic, value) == "done")


@check
def what_is_released_without_force_is_listed_as_released_and_serves_nobody() -> None:
    instance_id = instances(OrderId=order()["OrderId"])[0]["InstanceId"]
    start(instance_id)
    endpoint = instance(instance_id)["EndPoint"]
    ask(classic(), ReleaseInstanceRequest(), InstanceId=instance_id, ForceDeleteInstance=False)
    wait_until("ServiceStatus 15", lambda: (instance(instance_id) or {}).get("ServiceStatus") == RELEASED)
    host, port = endpoint.split(",")[0].rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        pass
    else:
        raise AssertionError(f"{endpoint} still listens")
    ask(classic(), DeleteInstanceRequest(), InstanceId=instance_id)
    wait_until("no longer listed", lambda: instance(instance_id) is None)


@check
def a_group_made_by_the_sdk_is_the_one_that_consumers_use() -> None:
    client, named = alikafka_tea(), {"region_id": REGION}
    instance_id = instances(OrderId=order()["OrderId"])[0]["InstanceId"]
    start(instance_id)
    endpoint, topic, name = instance(instance_id)["EndPoint"], topic_through_api(instance_id), unique("group")
    named |= {"instance_id": instance_id}
    of_group = {**named, "consumer_id": name}
    tag = tea.CreateConsumerGroupRequestTag(key="team", value="acceptance")
    client.create_consumer_group(tea.CreateConsumerGroupRequest(**of_group, remark="read by tests", tag=[tag]))

    def listed() -> list:
        answer = client.get_consumer_list(tea.GetConsumerListRequest(**of_group)).body
        return answer.consumer_list.consumer_vo

    row = listed()[0]
    equal("listed", (row.remark, row.tags.tag_vo[0].value), ("read by tests", "acceptance"))
    group.write(endpoint, topic, 0, 25)
    group.commit(endpoint, name, topic, {0: 10})

    def progress():
        return client.get_consumer_progress(tea.GetConsumerProgressRequest(**of_group)).body.consumer_progress

    told = progress()
    equal("lag", (told.total_diff, told.state), (15, "EMPTY"))
    consumer = group.joined(endpoint, name, topic, "reader-of-acceptance")
    try:
        told = progress()
        readers = {row.client_id for row in told.topic_list.topic_list[0].offset_list.offset_list}
        equal("while it is read", (told.state, readers), ("STABLE", {"reader-of-acceptance"}))
        reset = tea.UpdateConsumerOffsetRequest(**of_group, topic=topic, time="-2")
        tea_refused(lambda: client.update_consumer_offset(reset), "BIZ_FIELD_CHECK_INVALID")
        delete = tea.DeleteConsumerGroupRequest(**of_group)
        tea_refused(lambda: client.delete_consumer_group(delete), "BIZ_FIELD_CHECK_INVALID")
    finally:
        consumer.close()
    client.update_consumer_offset(reset)
    equal("at the first record", group.committed(endpoint, name, topic, [0]), {0: 0})
    at = tea.UpdateConsumerOffsetRequestOffsets(partition=0, offset=7)
    by_offset = tea.UpdateConsumerOffsetRequest(**of_group, topic=topic, reset_type="offset", offsets=[at])
    client.update_consumer_offset(by_offset)
    equal("at an offset", group.committed(endpoint, name, topic, [0]), {0: 7})
    query = tea.QueryMessageRequest(**named, topic=topic, query_type="byOffset", partition="0", offset="7")
    found = client.query_message(query).body.message_list[0]
    equal("the message there", (found.key, found.value, found.offset), ("key 7", "value 7", 7))
    client.delete_consumer_group(delete)
    equal("afterwards", (listed(), group.group_names(endpoint)), ([], []))


@check
def a_topic_is_changed_by_the_sdk_while_it_is_used() -> None:
    client = alikafka_tea()
    instance_id = instances(OrderId=order()["OrderId"])[0]["InstanceId"]
    start(instance_id)
    endpoint, topic = instance(instance_id)["EndPoint"], topic_through_api(instance_id)
    named = {"region_id": REGION, "instance_id": instance_id, "topic": topic}
    group.write(endpoint, topic, 2, 3)
    client.modify_partition_num(tea.ModifyPartitionNumRequest(**named, add_partition_num=2))
    equal("partitions", len(records.replicas(endpoint, topic)), 5)
    change = tea.UpdateTopicConfigRequest(**named, config="max.message.bytes", value="2097152")
    client.update_topic_config(change)
    status = client.get_topic_status(tea.GetTopicStatusRequest(**named)).body.topic_status
    ends = [row.max_offset for row in status.offset_table.offset_table]
    equal("status", (status.total_count, ends), (3, [0, 0, 3, 0, 0]))
    batch = tea.BatchDeleteTopicsRequest(region_id=REGION, instance_id=instance_id, topics=[topic, "none"])
    done = client.batch_delete_topics(batch).body.data
    equal("deleted", (done.total, done.success_count, done.failed_count), (2, 1, 1))


@check
def acls_of_the_sdk_decide_what_a_connected_user_may_do() -> None:
    client = alikafka_tea()
    instance_id = instances(OrderId=order(SpecType="professional")["OrderId"])[0]["InstanceId"]
    start(instance_id, **{"enable.vpc_sasl_ssl": "true", "enable.acl": "true"})
    endpoint, topic, user = instance(instance_id)["SaslEndPoint"], topic_through_api(instance_id), unique("user")
    named = {"region_id": REGION, "instance_id": instance_id, "username": user}
    client.create_sasl_user(tea.CreateSaslUserRequest(**named, password="a-word", type="scram"))
    acl = {**named, "acl_resource_type": "Topic", "acl_resource_name": topic}
    acl |= {"acl_resource_pattern_type": "LITERAL", "acl_operation_type": "Write", "host": "*"}
    allow, deny = ({**acl, "acl_permission_type": word} for word in ("ALLOW", "DENY"))
    client.create_acl(tea.CreateAclRequest(**allow))
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256"}
    login |= {"sasl.username": user, "sasl.password": "a-word", "bootstrap.servers": endpoint}
    writer = group.Writer(login)
    writer.wait("may write", topic, True)
    client.create_acl(tea.CreateAclRequest(**deny))
    writer.wait("may write no more", topic, False)
    client.delete_acl(tea.DeleteAclRequest(**deny))
    writer.wait("may write again", topic, True)


@check
def a_vswitch_tells_its_network_as_terraform_asks() -> None:
    answer = ask(classic(), DescribeVSwitchAttributesRequest(), VSwitchId=VSWITCH)
    equal("VSwitchId", answer["VSwitchId"], VSWITCH)
    if not answer["VpcId"]:
        raise AssertionError("VpcId is empty")


@check
def format_xml_answers_the_documented_xml() -> None:
    request = CreatePostPayOrderRequest()
    for name, value in PAGE.items():
        getattr(request, f"set_{name}")(value)
    parameters = {**request.get_query_params(), "Action": "CreatePostPayOrder", "Version": "2019-09-16"}
    parameters["RegionId"] = REGION
    target, _ = get_signed_url(
        parameters, SANDBOX.key_id, SANDBOX.secret, "XML", "GET", {}, signer=sha_hmac1
    )
    with urllib.request.urlopen(f"http://{suite.ENDPOINT}{target}", timeout=30) as answer:
        equal("content type", answer.headers["Content-Type"], "text/xml;charset=utf-8")
        root = ElementTree.fromstring(answer.read())
    equal("root", root.tag, "CreatePostPayOrderResponse")
    equal("elements", sorted(child.tag for child in root), ["Code", "Message", "OrderId", "RequestId", "Success"])
    equal("texts", (root.findtext("Code"), root.findtext("Success")), ("200", "true"))


@check
def a_wrong_secret_is_refused_and_both_sides_agree_on_the_string_to_sign() -> None:
    wrong = Credentials(SANDBOX.key_id, "not-the-secret")
    # The classic SDK says InvalidAccessKeySecret only when the server's string to sign equals its own.
    classic_refused(lambda: order(wrong), "InvalidAccessKeySecret")
    request = tea.GetInstanceListRequest(region_id=REGION)
    tea_refused(lambda: alikafka_tea(wrong).get_instance_list(request), "SignatureDoesNotMatch")
    version_1 = alikafka_tea(wrong, signature_algorithm="v2")
    tea_refused(lambda: version_1.get_instance_list(request), "SignatureDoesNotMatch")


@check
def an_unknown_key_is_refused_with_404() -> None:
    stranger = Credentials("LTAIUNKNOWN", "secret")
    error = classic_refused(lambda: order(stranger), "InvalidAccessKeyId.NotFound")
    equal("HTTP status", error.http_status, 404)
    request = tea.GetInstanceListRequest(region_id=REGION)
    tea_refused(lambda: alikafka_tea(stranger).get_instance_list(request), "InvalidAccessKeyId.NotFound")


@check
def a_signed_request_serves_once() -> None:
    parameters = {"Action": "GetInstanceList", "Version": "2019-09-16", "RegionId": REGION}
    target, _ = get_signed_url(
        parameters, SANDBOX.key_id, SANDBOX.secret, "JSON", "GET", {}, signer=sha_hmac1
    )
    with urllib.request.urlopen(f"http://{suite.ENDPOINT}{target}", timeout=30) as first:
        equal("first", first.status, 200)
    try:
        urllib.request.urlopen(f"http://{suite.ENDPOINT}{target}", timeout=30)
    except urllib.error.HTTPError as error:
        equal("second", (error.code, json.loads(error.read())["Code"]), (400, "SignatureNonceUsed"))
    else:
        raise AssertionError("the same nonce was accepted twice")


@check
def orders_against_the_rules_of_the_page_are_refused() -> None:
    cases = {
        "no DeployType": {"DeployType": None},
        "no DiskSize": {"DiskSize": None},
        "no DiskType": {"DiskType": None},
        "neither TopicQuota nor PartitionNum": {"TopicQuota": None},
        "neither IoMax nor IoMaxSpec": {"IoMax": None, "IoMaxSpec": None},
        "DeployType 4 without EipMax": {"DeployType": 4},
        "unknown DeployType": {"DeployType": 6},
        "unknown DiskType": {"DiskType": "7"},
        "DiskSize between steps": {"DiskSize": 950},
        "DiskSize below the plan's least": {"DiskSize": 0},
        "unknown SpecType": {"SpecType": "gold"},
        "unknown IoMaxSpec": {"IoMaxSpec": "alikafka.hw.7xlarge"},
        "IoMaxSpec that the edition does not sell": {"IoMaxSpec": "alikafka.hw.16xlarge"},
        "IoMax that no plan has": {"IoMax": 21, "IoMaxSpec": None},
        "DiskSize that is no number": {"DiskSize": "much"},
    }
    before = len(instances())
    for what, changes in cases.items():
        try:
            answer = order(**changes)
        except Exception as error:
            code, status = getattr(error, "error_code", None), getattr(error, "http_status", None)
            if status != 400 or not code or code.startswith("SDK."):
                raise AssertionError(f"{what}: {error}") from error
            continue
        raise AssertionError(f"{what}: accepted with {answer}")
    equal("instances afterwards", len(instances()), before)


@check
def io_max_spec_wins_over_io_max() -> None:
    listed = instances(OrderId=order(IoMax=120)["OrderId"])
    equal("what was bought", (listed[0]["IoMaxSpec"], listed[0]["IoMax"]), ("alikafka.hw.2xlarge", 20))


@check
def io_max_alone_names_a_plan() -> None:
    listed = instances(OrderId=order(IoMax=30, IoMaxSpec=None)["OrderId"])
    equal("what was bought", (listed[0]["IoMaxSpec"], listed[0]["IoMax"]), ("alikafka.hw.3xlarge", 30))


@check
def an_unknown_action_is_refused() -> None:
    request = CreatePostPayOrderRequest()
    request.set_action_name("CreatePostPayMiracle")
    error = classic_refused(lambda: ask(classic(), request, **PAGE), "InvalidApi.NotFound", "InvalidAction.NotFound")
    equal("HTTP status", error.http_status, 404)


@check
def an_account_without_money_buys_nothing() -> None:
    poor = account_with("0.01")
    try:
        order(poor)
    except Exception as error:
        code, status = getattr(error, "error_code", ""), getattr(error, "http_status", None)
        equal("HTTP status", status, 400)
        if "balance" not in f"{code} {error}".lower():
            raise AssertionError(f"the refusal does not speak of the balance: {error}") from error
    else:
        raise AssertionError("bought without money")
    answer = ask(classic(poor), GetInstanceListRequest())
    equal("instances", answer["InstanceList"]["InstanceVO"], [])


@check
def an_account_does_not_see_anothers_instances() -> None:
    mine = instances(OrderId=order()["OrderId"])[0]["InstanceId"]
    stranger = classic(account_with("100"))
    answer = ask(stranger, GetInstanceListRequest(), InstanceIds=[mine])
    equal("instances", answer["InstanceList"]["InstanceVO"], [])
    request = lambda: ask(stranger, StartInstanceRequest(), InstanceId=mine, VpcId=VPC, VSwitchId=VSWITCH)
    classic_refused(request, "AUTH_RESOURCE_OWNER_ERROR", "BIZ.INSTANCE.STATUS.ERROR", "BIZ_INSTANCE_STATUS_ERROR")


if __name__ == "__main__":
    suite.run()
