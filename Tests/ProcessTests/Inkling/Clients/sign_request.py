import json
import time
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

def sign_request(private_key, payload, hardware_hash):
    timestamp = int(time.time())

    message = (
        json.dumps(payload, sort_keys=True) +
        str(timestamp) +
        hardware_hash
    ).encode()

    signature = private_key.sign(message)

    return {
        "payload": payload,
        "timestamp": timestamp,
        "hardware_hash": hardware_hash,
        "public_key": public_key_hex,
        "signature": signature.hex()
    }
