// Asks a server through @grpc/grpc-js, as Node programs do: one call, a stream, a call that fails, calls side by side.
//
//   node client.js PROTO_DIR HOST:PORT MODEL INPUT JSON_VALUES [CA.pem]
//
// Prints one JSON object for tests/e2e/grpc_clients_test.py.
"use strict";
const fs = require("fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const MESSAGES = 50;
const CALLS = 200;

const [protoDir, address, model, input, values, authority] = process.argv.slice(2);
const definition = loader.loadSync("inference/grpc_service.proto", { includeDirs: [protoDir], keepCase: true, longs: String });
const { GRPCInferenceService } = grpc.loadPackageDefinition(definition).inference;
const credentials = authority
  ? grpc.credentials.createSsl(fs.readFileSync(authority))
  : grpc.credentials.createInsecure();
const client = new GRPCInferenceService(address, credentials);

const numbers = Float32Array.from(JSON.parse(values));
const request = {
  model_name: model,
  inputs: [{ name: input, datatype: "FP32", shape: [1, numbers.length] }],
  raw_input_contents: [Buffer.from(numbers.buffer)],
};

const infer = (what, options = {}) =>
  new Promise((resolve, reject) =>
    client.ModelInfer(what, new grpc.Metadata(), options, (error, answer) => (error ? reject(error) : resolve(answer))));

const stream = () =>
  new Promise((resolve, reject) => {
    const call = client.ModelStreamInfer();
    const ids = [];
    call.on("data", (message) => ids.push(message.infer_response.id));
    call.on("error", reject);
    call.on("end", () => resolve(ids));
    for (let i = 0; i < MESSAGES; i++) call.write({ ...request, id: String(i) });
    call.end();
  });

const failure = (what, options) => infer(what, options).then(() => null, (error) => ({ code: error.code, details: error.details }));

(async () => {
  const answer = await infer(request);
  const many = await Promise.all(Array.from({ length: CALLS }, () => infer(request)));
  console.log(JSON.stringify({
    version: answer.model_version,
    output: answer.raw_output_contents[0].readFloatLE(0),
    stream: await stream(),
    side_by_side: many.length,
    unknown: await failure({ ...request, model_name: "no_such_model" }),
    late: await failure(request, { deadline: new Date(Date.now() - 1000) }),
  }));
  client.close();
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
