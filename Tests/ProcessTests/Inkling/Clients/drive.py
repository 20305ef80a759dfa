"""Calls a server with the Python examples as they are, and prints what it answered as one JSON object.

drive.py URL
"""

import asyncio
import base64
import hashlib
import importlib.util
import json
import sys
import zlib
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

FACE = "(◉‿◉)"


def example(name):
    """The example beside this file, loaded as a module."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def new_key():
    key = Ed25519PrivateKey.generate()
    return key, key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


async def post(url, body):
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json=body) as reply:
            return {"status": reply.status, "body": await reply.json()}


async def main(base):
    key, public_key = new_key()
    hardware_hash = hashlib.sha256(public_key.encode()).hexdigest()
    client = example("inkling_client").InklingClient(base, key, public_key, hardware_hash)
    found = {"public_key": public_key}
    found["dream"] = await client.post_dream("I dreamed of electric sheep")
    found["face"] = await client.post_dream(f"a face {FACE} \"quoted\" \\ \u2028 \U0001f98b", mood=FACE)

    plant = f"{base}/api/plant"
    body = client.sign({"mood": None, "face": FACE, "content": "with a null"})
    found["null"] = await post(plant, body)
    found["again"] = await post(plant, body)
    found["forged"] = await post(plant, dict(body, timestamp=body["timestamp"] - 1))

    child = new_key()[1]
    traits = {"patience": 0.70, "curiosity": 1.0, "creativity": 1e-05, "chattiness": 0.1 + 0.2, "playfulness": 0}
    found["child"] = child
    found["floats"] = await post(
        f"{base}/api/lineage",
        client.sign(
            {
                "child_public_key": child,
                "child_name": f"Spärklet {FACE}",
                "child_hardware_hash": hashlib.sha256(child.encode()).hexdigest(),
                "inherited_traits": traits,
            }
        ),
    )
    bitmap = base64.b64encode(zlib.compress(bytes(8))).decode()
    found["postcard"] = await post(
        f"{base}/api/postcard",
        client.sign({"width": 8, "height": 8, "image_data": bitmap, "caption": None, "to_public_key": None}),
    )
    found["nested"] = await post(
        f"{base}/api/oracle", client.sign({"messages": [{"role": "user", "content": FACE}], "max_tokens": 1024})
    )

    # The other example takes the key from a variable of its module.
    signer = example("sign_request")
    other, signer.public_key_hex = new_key()
    signed = signer.sign_request(other, {"content": f"signed alone {FACE}", "mood": "happy"}, hardware_hash)
    found["alone"] = await post(plant, signed)
    found["dreams"] = await client.get_dreams(limit=5)
    print(json.dumps(found))


asyncio.run(main(sys.argv[1]))
