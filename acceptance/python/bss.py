"""BSS OpenAPI through Alibaba Cloud's own Python SDKs: CreateInstance for alikafka_post and alikafka_pre.

The law is the vendor page "Expenses and Costs: CreateInstance".
"""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from alibabacloud_alikafka20190916 import models as alikafka
from alibabacloud_bssopenapi20171214 import models as tea
from aliyunsdkbssopenapi.request.v20171214.CreateInstanceRequest import CreateInstanceRequest
from aliyunsdkbssopenapi.request.v20171214.GetPayAsYouGoPriceRequest import GetPayAsYouGoPriceRequest
from aliyunsdkbssopenapi.request.v20171214.QueryAccountBalanceRequest import QueryAccountBalanceRequest
from aliyunsdkbssopenapi.request.v20171214.QueryAvailableInstancesRequest import QueryAvailableInstancesRequest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from Tea.exceptions import TeaException

import records
import suite
from aliyun_sdk import REGION, VPC, VSWITCH, ZONE, alikafka_tea, ask, bss_tea, classic, classic_refused
from suite import SANDBOX, Credentials, Maybe, account_with, check, equal, expect_tree, unique, wait_until

COMMON = {"Code": str, "Message": str, "RequestId": str, "Success": bool}
ORDER_TREE = {**COMMON, "Data": {"InstanceId": str, "OrderId": str}}
# The product's price modules, used as property codes.
MODULES = {
    "RegionId": REGION,
    "DeployType": "5",
    "SpecType": "normal",
    "IoMaxSpec": "alikafka.hw.2xlarge",
    "DiskType": "1",
    "DiskSize": "500",
    "TopicQuota": "50",
}
# The same order in the spelling that order details show.
MODULES_OF_ORDERS = {
    "region": REGION,
    "vpc_deploy": "true",
    "spec_type": "normal",
    "IO_max": "20",
    "disk_type": "1",
    "disk_size": "500",
    "topic_quata": "50",
}
POST = {"ProductCode": "alikafka", "ProductType": "alikafka_post", "SubscriptionType": "PayAsYouGo"}
PRE = {"ProductCode": "alikafka", "ProductType": "alikafka_pre", "SubscriptionType": "Subscription", "Period": 12}
CALLS_AT_ONCE = 64


def properties(modules: dict[str, str]) -> list[dict[str, str]]:
    """Parameter.N with its Code and Value."""
    return [{"Code": code, "Value": value} for code, value in modules.items()]


def buy(credentials: Credentials = SANDBOX, modules: dict[str, str] = MODULES, **fields: object) -> dict:
    """CreateInstance through the classic SDK."""
    fields = {name: value for name, value in fields.items() if value is not None}
    return ask(classic(credentials), CreateInstanceRequest(), Parameters=properties(modules), **fields)


def bootstrap_of(instance_id: str, credentials: Credentials = SANDBOX) -> str:
    """Starts a bought instance through AliKafka and waits for its endpoint."""
    client = alikafka_tea(credentials)
    client.start_instance(
        alikafka.StartInstanceRequest(
            region_id=REGION, instance_id=instance_id, vpc_id=VPC, v_switch_id=VSWITCH, zone_id=ZONE
        )
    )
    request = alikafka.GetInstanceListRequest(region_id=REGION, instance_id=[instance_id])

    def endpoint() -> str | None:
        row = client.get_instance_list(request).body.instance_list.instance_vo[0]
        return row.end_point if row.service_status == 5 else None

    return wait_until("ServiceStatus 5", endpoint)


def available(credentials: Credentials = SANDBOX) -> Decimal:
    """AvailableAmount of the account."""
    answer = ask(classic(credentials), QueryAccountBalanceRequest())
    amounts = ("AvailableAmount", "AvailableCashAmount", "CreditAmount", "MybankCreditAmount", "Currency")
    expect_tree(answer, {**COMMON, "Data": {**{name: str for name in amounts}, "QuotaLimit": Maybe(str)}})
    return Decimal(answer["Data"]["AvailableAmount"].replace(",", ""))


def listed(credentials: Credentials) -> list[dict]:
    """QueryAvailableInstances of the product."""
    answer = ask(classic(credentials), QueryAvailableInstancesRequest(), ProductCode="alikafka", PageSize=100)
    rows = answer["Data"]["InstanceList"]
    equal("TotalCount", answer["Data"]["TotalCount"], len(rows))
    return rows


def hourly_price() -> Decimal:
    """The hour's price of MODULES by GetPayAsYouGoPrice."""
    configs = {
        "TopicQuota": f"PartitionNum:0,TopicQuota:50,RegionId:{REGION}",
        "IoMaxSpec": f"SpecType:normal,IoMaxSpec:alikafka.hw.2xlarge,RegionId:{REGION}",
        "DiskSize": f"DiskType:1,DiskSize:500,RegionId:{REGION}",
    }
    modules = [{"ModuleCode": code, "Config": config, "PriceType": "Hour"} for code, config in configs.items()]
    answer = ask(classic(), GetPayAsYouGoPriceRequest(), ModuleLists=modules, Region=REGION, **POST)
    details = answer["Data"]["ModuleDetails"]["ModuleDetail"]
    equal("modules priced", sorted(row["ModuleCode"] for row in details), sorted(configs))
    return sum((Decimal(str(row["CostAfterDiscount"])) for row in details), Decimal(0))


@check
def alikafka_post_is_bought_and_keeps_ten_thousand_records() -> None:
    bought = buy(**POST)
    expect_tree(bought, ORDER_TREE)
    equal("common part", (bought["Code"], bought["Message"], bought["Success"]), ("Success", "Successful!", True))
    bootstrap = bootstrap_of(bought["Data"]["InstanceId"])
    topic = unique("topic")
    records.topic_create(bootstrap, topic)
    records.round_trip(bootstrap, topic)


@check
def alikafka_pre_is_bought_through_the_current_sdk_and_keeps_ten_thousand_records() -> None:
    answer = bss_tea().create_instance(
        tea.CreateInstanceRequest(
            product_code="alikafka",
            product_type="alikafka_pre",
            subscription_type="Subscription",
            period=12,
            renewal_status="AutoRenewal",
            renew_period=12,
            client_token=unique("token"),
            logistics='{"cityCode":"330100","cityName":"Hangzhou"}',
            parameter=[tea.CreateInstanceRequestParameter(code=c, value=v) for c, v in MODULES.items()],
        )
    )
    equal("HTTP status", answer.status_code, 200)
    expect_tree(answer.body.to_map(), ORDER_TREE)
    bootstrap = bootstrap_of(answer.body.data.instance_id)
    topic = unique("topic")
    records.topic_create(bootstrap, topic)
    records.round_trip(bootstrap, topic)


@check
def the_spelling_of_order_details_buys_the_same() -> None:
    account = account_with("1000")
    before = available(account)
    buy(account, **POST)
    between = available(account)
    buy(account, MODULES_OF_ORDERS, **POST)
    equal("the second order's hold", between - available(account), before - between)
    equal("instances", len(listed(account)), 2)


@check
def the_first_hour_of_pay_as_you_go_is_held() -> None:
    price = hourly_price()
    equal("hw.2xlarge, 500 GB SSD, 50 topics in region group 1", price, Decimal("3.22"))
    account = account_with("100")
    buy(account, **POST)
    equal("left", available(account), Decimal("100") - price)


@check
def sixty_four_calls_with_one_token_make_one_order_and_equal_answers() -> None:
    account = account_with("1000")
    token = unique("token")
    with ThreadPoolExecutor(CALLS_AT_ONCE) as threads:
        calls = [threads.submit(buy, account, ClientToken=token, **POST) for _ in range(CALLS_AT_ONCE)]
        answers = [call.result() for call in calls]
    equal("different answers", len({str(sorted(answer["Data"].items())) for answer in answers}), 1)
    equal("instances", [row["InstanceID"] for row in listed(account)], [answers[0]["Data"]["InstanceId"]])
    equal("held", Decimal(1000) - available(account), hourly_price())


@check
def a_token_does_not_serve_other_parameters() -> None:
    account = account_with("1000")
    token = unique("token")
    buy(account, ClientToken=token, **POST)
    other = {**MODULES, "DiskSize": "600"}
    try:
        answer = buy(account, other, ClientToken=token, **POST)
    except ServerException as error:
        equal("HTTP status", error.http_status, 400)
    else:
        raise AssertionError(f"accepted with {answer}")
    equal("instances", len(listed(account)), 1)


@check
def a_refused_order_binds_no_token() -> None:
    account = account_with("1000")
    token = unique("token")
    try:
        buy(account, {**MODULES, "DiskSize": "555"}, ClientToken=token, **POST)
    except ServerException:
        pass
    else:
        raise AssertionError("a disk size between two steps was accepted")
    buy(account, ClientToken=token, **POST)
    equal("instances", len(listed(account)), 1)


@check
def too_little_money_is_told_with_status_200_as_the_page_says() -> None:
    account = account_with("1")
    # With HTTP 200 neither SDK raises: the failure stands in the body.
    answer = buy(account, **POST)
    equal("answer", (answer["Code"], answer["Success"]), ("INSUFFICIENT.AVAILABLE.QUOTA", False))
    parameter = [tea.CreateInstanceRequestParameter(code=c, value=v) for c, v in MODULES.items()]
    request = tea.CreateInstanceRequest(
        product_code="alikafka", product_type="alikafka_post", subscription_type="PayAsYouGo", parameter=parameter
    )
    answer = bss_tea(account).create_instance(request)
    equal("answer", (answer.status_code, answer.body.code), (200, "INSUFFICIENT.AVAILABLE.QUOTA"))
    equal("left", available(account), Decimal(1))
    equal("instances", listed(account), [])


@check
def orders_against_the_rules_of_the_page_are_refused() -> None:
    cases = {
        "the page's own example, rds": {**PRE, "ProductCode": "rds", "ProductType": "rds"},
        "ecs": {**POST, "ProductCode": "ecs", "ProductType": "ecs"},
        "no ProductCode": {**POST, "ProductCode": None},
        "no SubscriptionType": {**POST, "SubscriptionType": None},
        "unknown SubscriptionType": {**POST, "SubscriptionType": "Lease"},
        "a subscription without Period": {**PRE, "Period": None},
        "a Period that is no multiple of 12": {**PRE, "Period": 7},
        "AutoRenewal without RenewPeriod": {**PRE, "RenewalStatus": "AutoRenewal"},
        "unknown RenewalStatus": {**PRE, "RenewalStatus": "Forever"},
        "a type that contradicts the subscription": {**PRE, "ProductType": "alikafka_post"},
    }
    account = account_with("1000000")
    for what, fields in cases.items():
        try:
            answer = buy(account, **fields)
        except ServerException as error:
            if error.http_status != 400 or not error.error_code or error.error_code.startswith("SDK."):
                raise AssertionError(f"{what}: {error}") from error
            continue
        raise AssertionError(f"{what}: accepted with {answer}")
    equal("instances", listed(account), [])
    equal("left", available(account), Decimal(1_000_000))


@check
def a_subscription_is_paid_at_once() -> None:
    account = account_with("100000")
    buy(account, **PRE)
    # 1408.5 for the plan and 5 × 100 for the disk, a month.
    equal("paid", Decimal(100_000) - available(account), 12 * (Decimal("1408.5") + 500))


@check
def a_wrong_secret_and_an_unknown_key_are_refused() -> None:
    classic_refused(lambda: buy(Credentials(SANDBOX.key_id, "wrong"), **POST), "InvalidAccessKeySecret")
    classic_refused(lambda: buy(Credentials("LTAIUNKNOWN", "wrong"), **POST), "InvalidAccessKeyId.NotFound")
    try:
        bss_tea(Credentials(SANDBOX.key_id, "wrong")).query_account_balance()
    except TeaException as error:
        equal("code", error.code, "SignatureDoesNotMatch")
    else:
        raise AssertionError("accepted")


if __name__ == "__main__":
    suite.run()
