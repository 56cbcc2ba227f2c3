//! Signed requests of the vendors' dialects, as bytes to send.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use brokerage_cloud_alibaba as alibaba;
use brokerage_cloud_jd as jd;
use brokerage_cloud_tencent as tencent;
use brokerage_domain::clock::{Clock as _, SystemClock};
use brokerage_wire::client::ClientCall;
use brokerage_wire::params::Param;
use brokerage_wire::signing::{Credentials, SigningMoment};
use brokerage_wire::{Cloud, WireRequest};
use bytes::Bytes;

/// Who asks, and where.
#[derive(Debug)]
pub(crate) struct Caller {
    host: String,
    credentials: Credentials,
    nonces: AtomicU64,
    started_us: i64,
}

impl Caller {
    /// The sandbox's key, at `host:port`.
    pub(crate) fn sandbox(host: &str) -> Arc<Self> {
        Arc::new(Self {
            host: host.to_owned(),
            credentials: Credentials {
                access_key_id: "BROKERAGESANDBOX".into(),
                secret: "brokerage-sandbox-secret".into(),
                session_token: None,
            },
            nonces: AtomicU64::new(0),
            started_us: SystemClock.now().micros(),
        })
    }

    /// Host and port of the endpoint.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Who asks.
    pub(crate) fn credentials(&self) -> Credentials {
        self.credentials.clone()
    }

    /// Now, with a nonce of its own.
    pub(crate) fn moment(&self) -> SigningMoment {
        let number = self.nonces.fetch_add(1, Ordering::Relaxed);
        SigningMoment {
            epoch_s: SystemClock.now().seconds(),
            nonce: format!("{:x}-{number:x}", self.started_us),
        }
    }

    /// AliKafka's CreatePostPayOrder with the parameters of the vendor's page.
    pub(crate) fn alikafka_order(&self) -> Result<Bytes> {
        self.alikafka("CreatePostPayOrder", &alikafka_plan("alikafka.hw.2xlarge"))
    }

    /// The same for a specification that is not sold.
    pub(crate) fn alikafka_order_unsold(&self) -> Result<Bytes> {
        self.alikafka("CreatePostPayOrder", &alikafka_plan("alikafka.hw.none"))
    }

    /// The same without its signature.
    pub(crate) fn alikafka_order_unsigned(&self) -> Result<Bytes> {
        let order = self.alikafka_order()?;
        let text = std::str::from_utf8(&order)?;
        let unsigned = |line: &&str| !line.to_ascii_lowercase().starts_with("authorization:");
        let lines: Vec<&str> = text.split("\r\n").filter(unsigned).collect();
        Ok(Bytes::from(lines.join("\r\n")))
    }

    /// AliKafka's GetInstanceList of everything.
    pub(crate) fn alikafka_list(&self) -> Result<Bytes> {
        self.alikafka(
            "GetInstanceList",
            &object([("RegionId", Param::Text("cn-hangzhou".into()))]),
        )
    }

    fn alikafka(&self, action: &str, params: &Param) -> Result<Bytes> {
        self.call(&alibaba::CLOUD, action, "cn-hangzhou", params)
    }

    /// A call of what a cloud sells.
    fn call(&self, cloud: &Cloud, action: &str, region: &str, params: &Param) -> Result<Bytes> {
        let mut services = cloud.services.iter();
        let found = services.find_map(|table| Some((*table, table.row(action)?)));
        let (table, row) = found.with_context(|| format!("{} has no {action}", cloud.name))?;
        let call = ClientCall {
            table,
            row,
            host: &self.host,
            region,
            params,
        };
        let client = &cloud.client;
        let signed = client.signed(&call, &self.credentials, &self.moment())?;
        Ok(bytes_of(&signed))
    }

    /// CKafka's CreatePostPaidInstance with the parameters of the page's first example.
    pub(crate) fn ckafka_order(&self) -> Result<Bytes> {
        let params = object([
            ("InstanceName", Param::Text("bench".into())),
            ("VpcId", Param::Text("vpc-rmcgxxxx".into())),
            ("SubnetId", Param::Text("subnet-mnzcxxxx".into())),
            ("ZoneId", Param::Number(450_001.into())),
            ("InstanceType", Param::Number(1.into())),
            ("KafkaVersion", Param::Text("2.4.2".into())),
            ("SpecificationsType", Param::Text("profession".into())),
            ("DiskSize", Param::Number(200.into())),
            ("BandWidth", Param::Number(20.into())),
            ("Partition", Param::Number(400.into())),
            ("DiskType", Param::Text("CLOUD_BASIC".into())),
            ("PublicNetworkMonthly", Param::Number(0.into())),
        ]);
        self.ckafka("CreatePostPaidInstance", &params)
    }

    /// CKafka's DescribeInstancesDetail of one instance.
    pub(crate) fn ckafka_detail(&self, instance_id: &str) -> Result<Bytes> {
        self.ckafka(
            "DescribeInstancesDetail",
            &object([("InstanceId", Param::Text(instance_id.into()))]),
        )
    }

    /// CKafka's DescribeInstances of those that run; its TotalCount counts them all.
    pub(crate) fn ckafka_running(&self) -> Result<Bytes> {
        let running = Param::List(vec![Param::Number(1.into())]);
        self.ckafka(
            "DescribeInstances",
            &object([("Status", running), ("Limit", Param::Number(1.into()))]),
        )
    }

    /// A page of one of CKafka's lists of instances.
    pub(crate) fn ckafka_page(&self, action: &str, offset: u64, limit: u64) -> Result<Bytes> {
        let page = [("Offset", offset), ("Limit", limit)];
        self.ckafka(
            action,
            &object(page.map(|(name, n)| (name, Param::Number(n.into())))),
        )
    }

    /// JD Cloud's createInstance with the least that it takes.
    pub(crate) fn jdkafka_order(&self) -> Result<Bytes> {
        let text = |text: &str| Param::Text(text.into());
        let node = object([
            ("role", text("broker")),
            ("nodeClassCode", text("kafka.broker.n1.xsmall")),
            ("nodeCount", Param::Number(3.into())),
            ("nodeDiskType", text("ssd.io1")),
            ("nodeDiskGB", Param::Number(100.into())),
        ]);
        let instance = object([
            ("vpcId", text("vpc-1")),
            ("subnetId", text("subnet-1")),
            ("instanceVersion", text("1.0.2")),
            ("instanceName", text("bench")),
            ("azId", Param::List(vec![text("cn-north-1a")])),
            ("instanceClassSpec", Param::List(vec![node])),
        ]);
        self.jdkafka("createInstance", &object([("instance", instance)]))
    }

    /// A page of JD Cloud's describeInstances.
    pub(crate) fn jdkafka_page(&self, number: u64, size: u64) -> Result<Bytes> {
        let page = [("pageNumber", number), ("pageSize", size)];
        let params = object(page.map(|(name, n)| (name, Param::Number(n.into()))));
        self.jdkafka("describeInstances", &params)
    }

    fn jdkafka(&self, action: &str, params: &Param) -> Result<Bytes> {
        self.call(&jd::CLOUD, action, "cn-north-1", params)
    }

    /// A page of BSS' QueryAvailableInstances.
    pub(crate) fn bss_available(&self, number: u64, size: u64) -> Result<Bytes> {
        let page = [("PageNum", number), ("PageSize", size)];
        let params = object(page.map(|(name, n)| (name, Param::Number(n.into()))));
        self.alikafka("QueryAvailableInstances", &params)
    }

    /// A page of BSS' QueryOrders: of orders since 2020, and those only that have a word in a field.
    pub(crate) fn bss_orders(
        &self,
        number: u64,
        size: u64,
        (field, word): (&'static str, &str),
    ) -> Result<Bytes> {
        let params = object([
            ("PageNum", Param::Number(number.into())),
            ("PageSize", Param::Number(size.into())),
            (
                "CreateTimeStart",
                Param::Text("2020-01-01T00:00:00Z".into()),
            ),
            (field, Param::Text(word.into())),
        ]);
        self.alikafka("QueryOrders", &params)
    }

    /// The page of AliKafka's ListTagResources behind an instance.
    pub(crate) fn alikafka_tags(&self, after: &str) -> Result<Bytes> {
        let text = |text: &str| Param::Text(text.into());
        let params = object([
            ("RegionId", text("cn-hangzhou")),
            ("ResourceType", text("INSTANCE")),
            ("NextToken", text(after)),
        ]);
        self.alikafka("ListTagResources", &params)
    }

    /// A page of CKafka's DescribeInstances of those with a word in their names.
    pub(crate) fn ckafka_named(&self, word: &str, offset: u64, limit: u64) -> Result<Bytes> {
        let params = object([
            ("SearchWord", Param::Text(word.into())),
            ("Offset", Param::Number(offset.into())),
            ("Limit", Param::Number(limit.into())),
        ]);
        self.ckafka("DescribeInstances", &params)
    }

    /// AliKafka's GetInstanceList of one instance.
    pub(crate) fn alikafka_by_id(&self, id: &str) -> Result<Bytes> {
        let id = Param::List(vec![Param::Text(id.into())]);
        let region = Param::Text("cn-hangzhou".into());
        let params = object([("RegionId", region), ("InstanceId", id)]);
        self.alikafka("GetInstanceList", &params)
    }

    /// AliKafka's GetInstanceList of one order.
    pub(crate) fn alikafka_by_order(&self, order: &str) -> Result<Bytes> {
        let order = Param::Text(order.into());
        let region = Param::Text("cn-hangzhou".into());
        let params = object([("RegionId", region), ("OrderId", order)]);
        self.alikafka("GetInstanceList", &params)
    }

    fn ckafka(&self, action: &str, params: &Param) -> Result<Bytes> {
        self.call(&tencent::CLOUD, action, "ap-guangzhou", params)
    }
}

/// The parameters of the vendor's page for CreatePostPayOrder.
fn alikafka_plan(io_max_spec: &str) -> Param {
    object([
        ("RegionId", Param::Text("cn-hangzhou".into())),
        ("TopicQuota", Param::Number(50.into())),
        ("DiskType", Param::Text("1".into())),
        ("DiskSize", Param::Number(900.into())),
        ("DeployType", Param::Number(5.into())),
        ("IoMax", Param::Number(20.into())),
        ("SpecType", Param::Text("normal".into())),
        ("IoMaxSpec", Param::Text(io_max_spec.into())),
    ])
}

fn object<const N: usize>(fields: [(&str, Param); N]) -> Param {
    Param::Object(
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// The request as it stands on the wire.
pub(crate) fn bytes_of(request: &WireRequest) -> Bytes {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.target());
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        // Writing to a String cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let _ = write!(head, "content-length: {}\r\n\r\n", request.body().len());
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(request.body());
    Bytes::from(bytes)
}
