//! What Alibaba Cloud's refusals say, in both languages, beside what every cloud says.

use brokerage_wire::language::Row;

/// The rows.
pub const ROWS: &[Row] = &[
    // The gateway's.
    ("{} is mandatory for this action", "此操作必须提供 {1}"),
    ("this http method is not supported", "不支持该 HTTP 方法"),
    (
        "specified api is not found, please check your url and method",
        "指定的接口不存在，请检查地址和方法",
    ),
    ("format must be JSON or XML", "Format 必须为 JSON 或 XML"),
    (
        "specified parameter Version is not valid",
        "指定的参数 Version 无效",
    ),
    ("specified access key is not found", "指定的访问密钥不存在"),
    (
        "specified SecurityToken mismatch with the AccessKey",
        "指定的 SecurityToken 与访问密钥不符",
    ),
    // Its clients read this one: the text to sign stands behind the colon.
    (
        "specified signature is not matched with our calculation. server string to sign is:{}",
        "",
    ),
    (
        "specified signature nonce was used already",
        "指定的签名随机数已被使用",
    ),
    (
        "request was denied due to user flow control",
        "请求因用户流控被拒绝",
    ),
    (
        "user not authorized to operate on the specified resource: {}",
        "用户没有操作指定资源的权限：{1}",
    ),
    (
        "specified time stamp or date value is not well formatted",
        "指定的时间戳或日期格式错误",
    ),
    (
        "specified time stamp or date value is expired",
        "指定的时间戳或日期已过期",
    ),
    // Parameters.
    ("the parameter {} is invalid: {}", "参数 {1} 无效：{2!}"),
    ("the parameter {} is required: {}", "缺少参数 {1}：{2!}"),
    ("the parameter {} is required", "缺少参数 {1}"),
    (
        "the parameters {} and {} contradict each other",
        "参数 {1} 与 {2} 冲突",
    ),
    (
        "one of the parameters {} and {} is required",
        "参数 {1} 与 {2} 必须提供其一",
    ),
    (
        "not the JSON of this parameter: {}",
        "不是该参数的 JSON：{1!}",
    ),
    ("\"{}\" is none", "“{1}”不在取值范围内"),
    // AliKafka.
    (
        "ACL is not enabled: enable.acl of the Config is not true",
        "未开启 ACL：Config 的 enable.acl 不为 true",
    ),
    (
        "only local storage compacts, which LocalTopic chooses",
        "仅本地存储支持压缩，由 LocalTopic 选择",
    ),
    ("it says two numbers of replicas", "给出了两个副本数"),
    ("{} is not a setting of a topic", "{1} 不是主题的配置项"),
    (
        "{} is not a setting: it is one of {}",
        "{1} 不是配置项，可选：{2}",
    ),
    (
        "{} is not part of the edition {}",
        "版本类型 {2} 不包含 {1}",
    ),
    (
        "{} must be from {} to the {} replicas",
        "{1} 的取值范围为 {2} 至 {3} 个副本",
    ),
    ("{} must be from {} to {}", "{1} 的取值范围为 {2} 至 {3}"),
    ("{} must be a text or a number", "{1} 必须为字符串或数字"),
    ("{} must be a version", "{1} 必须为版本号"),
    ("{} must be a number", "{1} 必须为数字"),
    ("{} must be {} or {}", "{1} 必须为 {2} 或 {3}"),
    (
        "the value of {} must be a JSON text",
        "{1} 的值必须为 JSON 字符串",
    ),
    ("Config says {}", "Config 中为 {1}"),
    (
        "it does not match the DeployType of the order",
        "与订单的 DeployType 不符",
    ),
    (
        "must be 4 for internet and VPC access, or 5 for VPC access",
        "公网和 VPC 访问为 4，VPC 访问为 5",
    ),
    (
        "4 for internet and VPC access, 5 for VPC access",
        "公网和 VPC 访问为 4，VPC 访问为 5",
    ),
    ("a downgrade does not make it more", "降配不能增加"),
    ("an upgrade does not make it less", "升配不能减少"),
    ("a downgrade does not make it public", "降配不能开通公网"),
    (
        "a subscription keeps its public access",
        "包年包月实例保留公网",
    ),
    (
        "a professional edition does not become a standard one",
        "专业版不能变更为标准版",
    ),
    (
        "a subscription instance cannot be released",
        "包年包月实例不能释放",
    ),
    ("it is not a subscription", "不是包年包月实例"),
    ("it is not pay-as-you-go", "不是按量付费实例"),
    (
        "how an instance is paid for does not change here",
        "此处不变更计费方式",
    ),
    (
        "there are no serverless instances here",
        "此处没有 Serverless 实例",
    ),
    (
        "there are no Confluent instances here",
        "此处没有 Confluent 实例",
    ),
    (
        "serverless instances are not supported here",
        "此处不支持 Serverless 实例",
    ),
    (
        "Confluent instances are not supported here",
        "此处不支持 Confluent 实例",
    ),
    ("not a number of months that is sold", "不是可购买的月数"),
    ("must be 0 for a subscription", "包年包月必须为 0"),
    ("must be 1 for pay-as-you-go", "按量付费必须为 1"),
    ("DeployType is 4", "DeployType 为 4"),
    ("not a token of an answer", "不是返回结果中的令牌"),
    ("must be 1 to {} ids", "必须为 1 至 {1} 个 ID"),
    ("must be 1 to {} characters", "必须为 1 至 {1} 个字符"),
    (
        "must be {} to {} of letters, digits, '_', '-' and '.'",
        "必须为 {1} 至 {2} 个字母、数字、“_”、“-”或“.”",
    ),
    (
        "must be INSTANCE, TOPIC or CONSUMERGROUP",
        "必须为 INSTANCE、TOPIC 或 CONSUMERGROUP",
    ),
    ("must name topics or groups", "必须指定主题或消费组"),
    (
        "must be Kafka_<instance>_<group>",
        "格式必须为 Kafka_<实例>_<消费组>",
    ),
    ("offsets are those of one topic", "位点属于单个主题"),
    (
        "must be a time in milliseconds, -1 (latest) or -2 (earliest)",
        "必须为毫秒时间戳、-1（最新）或 -2（最早）",
    ),
    ("with ResetType offset", "ResetType 为 offset 时"),
    (
        "neither offsets nor partitions are below 0",
        "位点和分区不能小于 0",
    ),
    ("names partition {} twice", "分区 {1} 重复"),
    (
        "must be 1 or more, and not more than {} in all",
        "至少为 1，且总数不超过 {1}",
    ),
    ("with QueryType {}", "QueryType 为 {1} 时"),
    ("must not be below 0", "不能小于 0"),
    ("must be a number from 0 on", "必须为不小于 0 的数字"),
    ("it names the topics", "由它指定主题"),
    ("it names a topic twice", "主题重复"),
    ("must be two lists of zones", "必须为两个可用区列表"),
    (
        "its first list must contain ZoneId",
        "第一个列表必须包含 ZoneId",
    ),
    ("more than {} tags on {}", "{2} 的标签超过 {1} 个"),
    ("more than {} vSwitches", "超过 {1} 个交换机"),
    (
        "keys do not begin with aliyun or acs:",
        "键不能以 aliyun 或 acs: 开头",
    ),
    ("the key is given twice", "键重复"),
    ("it goes with the Type scram", "与 Type 为 scram 一起使用"),
    (
        "goes with updatePartition, or with no Operate",
        "与 updatePartition 一起使用，或不提供 Operate",
    ),
    (
        "one of VSwitchId and VSwitchIds says where the instance is placed",
        "由 VSwitchId 或 VSwitchIds 指定实例的部署位置",
    ),
    (
        "it says where the instance is placed",
        "由它指定实例的部署位置",
    ),
    ("{} is not in {}", "{1} 不属于 {2}"),
    ("not an id", "不是 ID"),
    ("with ResetType {}", "ResetType 为 {1} 时"),
    (
        "must be byOffset or byTimestamp",
        "必须为 byOffset 或 byTimestamp",
    ),
    ("must be timestamp or offset", "必须为 timestamp 或 offset"),
    ("must be a time in ms, -1 or -2", "必须为毫秒时间、-1 或 -2"),
    (
        "must be a number of months, such as 1m",
        "必须为月数，例如 1m",
    ),
    ("must be PRO or CON", "必须为 PRO 或 CON"),
    ("ignored where no group is named", "未指定消费组时忽略"),
    // BSS.
    (
        "failure to check order before create instance. {}",
        "创建实例前订单校验失败：{1!}",
    ),
    (
        "failure to check order before create instance",
        "创建实例前订单校验失败",
    ),
    (
        "the specified owner doesn't belong to caller",
        "指定的所有者不属于调用者",
    ),
    (
        "the account balance is negative. Add funds to the account and try again",
        "账户余额不足，请充值后重试",
    ),
    (
        "please complete your basic personal information first",
        "请先完善个人基本信息",
    ),
    (
        "you cannot create ECS instances or ApsaraDB RDS instances by calling the operation",
        "不能通过此操作创建 ECS 或 RDS 实例",
    ),
    (
        "ProductType must be {} for {}",
        "{2} 的 ProductType 必须为 {1}",
    ),
    ("the property \"{}\" is not known", "未知属性“{1}”"),
    ("the property {} is given twice", "属性 {1} 重复"),
    (
        "the property {} must be a whole number",
        "属性 {1} 必须为整数",
    ),
    (
        "the property {} must be a number of hours",
        "属性 {1} 必须为小时数",
    ),
    (
        "the property {} must be given for this module",
        "该模块必须提供属性 {1}",
    ),
    ("the property {} must be 0 or more", "属性 {1} 不能小于 0"),
    (
        "the property {} must be {} or {}",
        "属性 {1} 必须为 {2} 或 {3}",
    ),
    ("the property {} is not on sale", "属性 {1} 不出售"),
    (
        "the property {} stays as it was bought",
        "属性 {1} 保持购买时的值",
    ),
    ("is not sold: {}", "不出售：{1!}"),
    ("not Upgrade or Downgrade", "不是 Upgrade 或 Downgrade"),
    ("not 1 or 0", "不是 1 或 0"),
    (
        "the properties {} and {} contradict each other",
        "属性 {1} 与 {2} 冲突",
    ),
    ("more than {} properties", "超过 {1} 个属性"),
    ("more than {} modules", "超过 {1} 个模块"),
    (
        "a configuration is a list of code:value, separated by commas",
        "配置为以逗号分隔的 code:value 列表",
    ),
    ("a module of this product", "该商品的模块"),
    ("given twice", "重复"),
    (
        "modules of this product are priced by the Hour",
        "该商品的模块按小时计价",
    ),
    ("another than in the modules", "与模块中的不同"),
    ("not on sale here, or not said", "此处不出售或未提供"),
    ("not sold for this term", "不按该时长出售"),
    ("before {}", "早于 {1}"),
    ("not a time such as {}", "不是形如 {1} 的时间"),
    ("not a multiple of {} months", "不是 {1} 个月的整数倍"),
    ("not a term that is sold", "不是可购买的时长"),
    ("not a known type of order", "不是已知的订单类型"),
    ("not a module of this product", "不是该商品的模块"),
    (
        "only new orders are priced by their modules",
        "仅新购订单按模块计价",
    ),
    (
        "this product is sold by the month and year",
        "该商品按月或按年出售",
    ),
    ("this operation prices {}", "此操作查询 {1} 的价格"),
    ("a subscription does not become less", "包年包月不能减少"),
    (
        "applicable to other product types only; this one counts months",
        "仅适用于其他商品，该商品按月计",
    ),
    ("{} is all that is sold here", "此处仅出售 {1}"),
    ("not {}, {} or {}", "不是 {1}、{2} 或 {3}"),
    ("not a port of that list", "不是该名单的端口"),
    ("one at a time is deleted", "每次只能删除一个"),
    ("it is not in the list", "不在名单中"),
    ("AllowedListIp", "AllowedListIp"),
    (
        "{}: an address such as 10.0.0.1, or a range such as 10.0.0.0/8, is expected",
        "{1}：应为 10.0.0.1 这样的地址，或 10.0.0.0/8 这样的地址段",
    ),
    ("not {} or {}", "不是 {1} 或 {2}"),
    ("not {}, {}", "不是 {1}、{2}"),
];
