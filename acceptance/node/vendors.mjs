// The vendors' own Node SDKs: a purchase, what it shows as, and a refusal of each.
import { createRequire } from 'node:module'
import { Config } from '@alicloud/openapi-client'
import { accessKeyId, accessKeySecret, check, endpoint, endpointTls, equal, rejected, run, unique, waitUntil } from './suite.mjs'

const require = createRequire(import.meta.url)
const alikafka = require('@alicloud/alikafka20190916')
const PopCore = require('@alicloud/pop-core')
const { ckafka } = require('tencentcloud-sdk-nodejs-ckafka')
const JdKafka = require('jdcloud-sdk-js/src/services/kafka')
// It prints every call otherwise, signatures included.
require('jdcloud-sdk-js/src/lib/core').config.logger = () => {}

const region = 'cn-hangzhou'
const network = { vpcId: 'vpc-bp1acceptance0000000', vSwitchId: 'vsw-bp1acceptance0000000' }
const order = { regionId: region, topicQuota: 50, diskType: '1', diskSize: 900, deployType: 5, ioMax: 20, specType: 'normal', ioMaxSpec: 'alikafka.hw.2xlarge' }

const tea = (secret = accessKeySecret) =>
  new alikafka.default(new Config({ accessKeyId, accessKeySecret: secret, endpoint, protocol: 'http', regionId: region }))

check('the current alibaba sdk buys starts and lists a cluster', async () => {
  const client = tea()
  const { body } = await client.createPostPayOrder(new alikafka.CreatePostPayOrderRequest(order))
  equal('answer', [body.code, body.message, body.success, typeof body.requestId], [200, 'operation success.', true, 'string'])
  const byOrder = new alikafka.GetInstanceListRequest({ regionId: region, orderId: body.orderId })
  const first = (await client.getInstanceList(byOrder)).body.instanceList.instanceVO
  equal('instances of the order', first.length, 1)
  equal('status', first[0].serviceStatus, 0)
  const { instanceId } = first[0]
  await client.startInstance(new alikafka.StartInstanceRequest({ regionId: region, instanceId, ...network }))
  const byId = new alikafka.GetInstanceListRequest({ regionId: region, instanceId: [instanceId] })
  const running = await waitUntil('ServiceStatus 5', async () => {
    const row = (await client.getInstanceList(byId)).body.instanceList.instanceVO[0]
    return row.serviceStatus === 5 && row
  })
  equal('bought', [running.diskSize, running.ioMaxSpec, running.endPoint.split(',').length], [900, order.ioMaxSpec, 3])
})

const pop = (secret = accessKeySecret) =>
  new PopCore({ accessKeyId, accessKeySecret: secret, endpoint: `http://${endpoint}`, apiVersion: '2019-09-16' })
const popOrder = Object.fromEntries(Object.entries(order).map(([name, value]) => [name[0].toUpperCase() + name.slice(1), value]))

check('pop core buys by query and by form', async () => {
  for (const method of ['GET', 'POST']) {
    const bought = await pop().request('CreatePostPayOrder', popOrder, { method })
    equal('answer', Object.keys(bought).sort(), ['Code', 'Message', 'OrderId', 'RequestId', 'Success'])
    const list = await pop().request('GetInstanceList', { RegionId: region, OrderId: bought.OrderId }, { method })
    equal('instances', list.InstanceList.InstanceVO.length, 1)
  }
})

check('both alibaba sdks raise the codes of refusals', async () => {
  equal('pop-core, secret', (await rejected(() => pop('wrong').request('GetInstanceList', { RegionId: region }))).code, 'SignatureDoesNotMatch')
  equal('tea, secret', (await rejected(() => tea('wrong').getInstanceList(new alikafka.GetInstanceListRequest({ regionId: region })))).code, 'SignatureDoesNotMatch')
  const badDisk = new alikafka.CreatePostPayOrderRequest({ ...order, diskSize: 950 })
  equal('status', (await rejected(() => tea().createPostPayOrder(badDisk))).statusCode, 400)
})

const tencent = (secretKey = accessKeySecret, profile = {}) =>
  new ckafka.v20190819.Client({
    credential: { secretId: accessKeyId, secretKey },
    region: 'ap-guangzhou',
    profile: { httpProfile: { endpoint, protocol: 'http://', ...profile.httpProfile }, ...profile.client },
  })
const page = {
  InstanceName: 'test55', VpcId: 'vpc-rmcgxxxx', SubnetId: 'subnet-mnzcxxxx', ZoneId: 450001, InstanceType: 1, KafkaVersion: '2.4.2',
  SpecificationsType: 'profession', DiskSize: 200, BandWidth: 20, Partition: 400, DiskType: 'CLOUD_BASIC', PublicNetworkMonthly: 0,
}

check('the tencent sdk buys and describes a cluster', async () => {
  const { Result } = await tencent().CreatePostPaidInstance(page)
  equal('return', [Result.ReturnCode, Result.ReturnMessage, Result.Data.FlowId], ['0', 'ok[apply ok]', 0])
  const { InstanceId } = Result.Data
  const row = await waitUntil('Status 1', async () => {
    const found = (await tencent().DescribeInstancesDetail({ InstanceId })).Result.InstanceList[0]
    return found.Status === 1 && found
  })
  equal('bought', [row.DiskSize, row.Bandwidth, typeof row.Vport], [200, 160, 'string'])
})

check('every signature method of the tencent sdk is accepted', async () => {
  for (const signMethod of ['TC3-HMAC-SHA256', 'HmacSHA256', 'HmacSHA1']) {
    for (const reqMethod of ['GET', 'POST']) {
      const client = tencent(accessKeySecret, { client: { signMethod }, httpProfile: { reqMethod } })
      equal('list', Array.isArray((await client.DescribeInstances({ Limit: 1 })).Result.InstanceList), true)
    }
  }
})

check('the tencent sdk raises the codes of refusals', async () => {
  equal('secret', (await rejected(() => tencent('wrong').DescribeInstances({}))).code, 'AuthFailure.SignatureFailure')
  equal('zone', (await rejected(() => tencent().CreatePostPaidInstance({ ...page, ZoneId: 1 }))).code, 'InvalidParameterValue.ZoneNotSupport')
})

const jd = (secretAccessKey = accessKeySecret) =>
  new JdKafka({ credentials: { accessKeyId, secretAccessKey }, regionId: 'cn-north-1', endpoint: { protocol: 'http', host: endpoint } })
const jdOrder = () => ({
  instance: {
    vpcId: 'vpc-acceptance', subnetId: 'subnet-acceptance', instanceVersion: '1.0.2', instanceName: unique('node'), azId: ['cn-north-1a'],
    instanceClassSpec: [{ role: 'broker', nodeClassCode: 'kafka.broker.n1.xsmall', nodeCount: 3, nodeDiskType: 'ssd.io1', nodeDiskGB: 100 }],
  },
})

check('the jd cloud sdk buys describes and deletes a cluster', async () => {
  const { result } = await jd().createInstance(jdOrder(), 'cn-north-1')
  equal('result', Object.keys(result).sort(), ['buyId', 'instanceId'])
  const { instanceId } = result
  const instance = await waitUntil('running', async () => {
    const found = (await jd().describeInstance({ instanceId }, 'cn-north-1')).result.instance
    return found.instanceStatus === 'running' && found
  })
  equal('brokers', instance.extension.internalEndpoint.brokerEndpoint.length, 3)
  await jd().deleteInstance({ instanceId }, 'cn-north-1')
  await waitUntil('404', async () => {
    const answer = await jd().describeInstance({ instanceId }, 'cn-north-1').catch((error) => error)
    return answer.error?.code === 404
  })
})

check('the jd cloud sdk rejects with the error of a refusal', async () => {
  const broken = jdOrder()
  broken.instance.instanceName = '1st'
  const { error } = await rejected(() => jd().createInstance(broken, 'cn-north-1'))
  equal('error', [error.code, error.status], [400, 'INVALID_ARGUMENT'])
  equal('secret', (await rejected(() => jd('wrong').describeInstances({}, 'cn-north-1'))).error.code, 401)
})

// None is told to leave certificates unchecked: NODE_EXTRA_CA_CERTS is all.
check('every sdk reaches the api over tls and trusts the authority of the environment', async () => {
  const config = new Config({ accessKeyId, accessKeySecret, endpoint: endpointTls, regionId: region })
  const list = new alikafka.GetInstanceListRequest({ regionId: region })
  equal('tea', (await new alikafka.default(config).getInstanceList(list)).body.success, true)
  const popTls = new PopCore({ accessKeyId, accessKeySecret, endpoint: `https://${endpointTls}`, apiVersion: '2019-09-16' })
  equal('pop core', (await popTls.request('GetInstanceList', { RegionId: region })).Success, true)
  const tencentTls = new ckafka.v20190819.Client({
    credential: { secretId: accessKeyId, secretKey: accessKeySecret },
    region: 'ap-guangzhou',
    profile: { httpProfile: { endpoint: endpointTls } },
  })
  equal('tencent', Array.isArray((await tencentTls.DescribeInstances({ Limit: 1 })).Result.InstanceList), true)
  const jdTls = new JdKafka({
    credentials: { accessKeyId, secretAccessKey: accessKeySecret },
    regionId: 'cn-north-1',
    endpoint: { protocol: 'https', host: endpointTls },
  })
  equal('jd', Array.isArray((await jdTls.describeInstances({}, 'cn-north-1')).result.instances), true)
})

await run()
