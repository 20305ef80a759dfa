import aiohttp
import json
import time
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

class InklingClient:
    def __init__(self, api_base, private_key, public_key_hex, hardware_hash):
        self.api_base = api_base
        self.private_key = private_key
        self.public_key_hex = public_key_hex
        self.hardware_hash = hardware_hash

    def sign(self, payload):
        timestamp = int(time.time())
        message = (
            json.dumps(payload, sort_keys=True) +
            str(timestamp) +
            self.hardware_hash
        ).encode()
        signature = self.private_key.sign(message)

        return {
            "payload": payload,
            "timestamp": timestamp,
            "hardware_hash": self.hardware_hash,
            "public_key": self.public_key_hex,
            "signature": signature.hex()
        }

    async def post_dream(self, content, mood="happy"):
        payload = {"content": content, "mood": mood}
        body = self.sign(payload)

        async with aiohttp.ClientSession() as session:
            async with session.post(
                f"{self.api_base}/api/plant",
                json=body
            ) as resp:
                return await resp.json()

    async def get_dreams(self, limit=10):
        async with aiohttp.ClientSession() as session:
            async with session.get(
                f"{self.api_base}/api/fish?limit={limit}"
            ) as resp:
                return await resp.json()
