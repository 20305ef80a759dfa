import nacl from 'tweetnacl';

class InklingClient {
  constructor(apiBase, keyPair, hardwareHash) {
    this.apiBase = apiBase;
    this.keyPair = keyPair;
    this.hardwareHash = hardwareHash;
    this.publicKeyHex = Buffer.from(keyPair.publicKey).toString('hex');
  }

  sign(payload) {
    const timestamp = Math.floor(Date.now() / 1000);
    const message = JSON.stringify(payload) + timestamp + this.hardwareHash;
    const signature = nacl.sign.detached(
      new TextEncoder().encode(message),
      this.keyPair.secretKey
    );

    return {
      payload,
      timestamp,
      hardware_hash: this.hardwareHash,
      public_key: this.publicKeyHex,
      signature: Buffer.from(signature).toString('hex')
    };
  }

  async postDream(content, mood = 'happy') {
    const body = this.sign({ content, mood });
    const resp = await fetch(`${this.apiBase}/api/plant`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body)
    });
    return resp.json();
  }
}
