// Follows the JavaScript example in one module, which has no export: calls a server with it, and prints what it answered
// as one JSON object. The server's URL is in BASE_URL.
const base = process.env.BASE_URL;
const face = '(◉‿◉)';
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const hash = 'ab'.repeat(32);

const post = async (path, body) => {
  const reply = await fetch(`${base}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json() };
};

const client = new InklingClient(base, nacl.sign.keyPair(), hash);
const found = { public_key: client.publicKeyHex };
found.dream = await client.postDream('I dreamed of electric sheep');
found.face = await client.postDream(`a face ${face} "quoted" \\ \u2028 \u{1f98b}`, face);

const body = client.sign({ mood: null, face, content: 'with a null' });
found.null = await post('/api/plant', body);
found.again = await post('/api/plant', body);
found.forged = await post('/api/plant', { ...body, timestamp: body.timestamp - 1 });

found.child = hex(nacl.sign.keyPair().publicKey);
found.floats = await post(
  '/api/lineage',
  client.sign({
    child_public_key: found.child,
    child_name: `Spärklet ${face}`,
    child_hardware_hash: 'cd'.repeat(32),
    inherited_traits: { patience: 0.70, curiosity: 1.0, creativity: 1e-05, chattiness: 0.1 + 0.2, playfulness: 1e-7 },
  }),
);
const bitmap = Buffer.alloc(8).toString('base64');
found.postcard = await post(
  '/api/postcard',
  client.sign({ width: 8, height: 8, image_data: bitmap, caption: null, to_public_key: null }),
);
found.nested = await post(
  '/api/oracle',
  client.sign({ messages: [{ role: 'user', content: face }], max_tokens: 1024 }),
);
console.log(JSON.stringify(found));
