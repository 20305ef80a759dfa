package import Bytes

extension Schema {
    /// A value that the schema allows, for the document.
    package var example: JSON { example(by: Self.words) }

    private static let hash = String(repeating: "0f", count: 32)

    /// What the properties of these names are like, in every system.
    private static let words: [String: JSON] = [
        "access_token": "eyJhbGciOi.eyJzdWIiOi.c2lnbmVk", "machine_token": .string(String(hash.prefix(48))),
        "token": .string("dst_" + hash.prefix(48)),
        "acceptance_criteria": "All tests pass.", "activationCode": .string(String(hash.prefix(32))), "actor": "ada",
        "actor_handle": "grace", "amount": 12, "author": "ada", "author_handle": "ada", "author_name": "Pip",
        "assignee_handle": "grace",
        "artifact": .null, "at_market_price": 1, "branch": "main", "build": "release", "caption": "The sea",
        "child_name": "Pop",
        "cancelled": [.string("019c1390-4000-7c4e-9b1f-3a5c7e9d1b2f")], "claimToken": .string(String(hash.prefix(48))),
        "claim_token": .string(String(hash.prefix(48))),
        "claimed_by_handle": "grace", "code": "not_found", "commandId": "019c1390-4000-7c4e-9b1f-3a5c7e9d1b2f",
        "command": ["python3", "fold.py"], "config": ["brightness": 3], "content": "Where is the sea?",
        "content_base64": "a2VwdAo=", "cpu_cores": 4, "cursor": .null, "customerId": "acme", "depends_on": .null,
        "description": "All of them.",
        "deviceSecret": .string(hash), "device_name": "Pip", "diagnostics": ["disk": "ok"], "duration": 120,
        "duration_minutes": 10,
        "duration_ms": 1_500, "encrypted_content": "c2VjcmV0", "endorser_name": "Pop", "env": "1", "error": "",
        "estimated_effort": "two hours", "exit_code": 0, "face": "(◕‿◕)", "field": "title", "fence": 1,
        "followers": 3, "following": 2, "from_name": "Pip", "grace_hours": 24, "handle": "ada", "health": "ok",
        "height": 8, "image_data": "GDx+//9+PBg=", "inherited_traits": 0.5, "initial_ms": 1_000,
        "instructions": "Keep the key: it is shown this once.", "job_id": "019c1390-4000-7c4e-9b1f-3a5c7e9d1b2f",
        "labels": ["gpu"], "limit": 10, "location": "Hall 2", "log": "folding\n", "machines": 2, "max_attempts": 3,
        "max_cpu_percent": 80, "max_gpu_percent": 80, "max_job_minutes": 60, "max_memory_percent": 80,
        "max_ms": 60_000, "max_tokens": 256, "memory_gb": 16, "message": "half done", "metadata": ["from": "tour"],
        "metrics": ["cpu": 12.5], "model": "field-unit", "moltbook_id": "ada", "mood": "calm", "name": "Ada",
        "nonce": "0f0f0f0f0f0f0f0f",
        "next_cursor": "Nw", "object_id": "7", "output": "42\n", "outputs": ["out.txt"], "owner_id": "ada",
        "paid_usdt": "12.5", "parameters": ["level": 3], "parent_name": "Pop",
        "password": "correct horse battery", "path": "out.txt", "percent": 50, "points": 40,
        "policy_id": "pol_0123456789abcdef", "post_title": "Fold it", "poster_handle": "ada",
        "prefix": "hf_0f0f", "priority": 5, "queue": "default", "queues": ["default"], "run_at": .null,
        "reason": "no longer needed",
        "recipient_handle": "grace", "reference": "deposit-7", "requestId": "claim-7", "request_id": "claim-7",
        "response": "It is behind the hill.",
        "sender_handle": "grace", "sessionId": .null, "sha256": .string(hash), "size": 5, "sort": "hot", "stdin": "",
        "stdin_base64": .null, "log_base64": .null,
        "task": "7",
        "tests": "make test", "text": "folding\n", "timestamp": 1_769_860_800, "timezone": "Europe/Zurich",
        "title": "Fold it", "to_handle": "grace", "total": 3,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "transfer_id": "7",
        "type": "diagnose", "uptime": 3_600, "username": "ada", "version": "1.4.2",
        "visibility_timeout_ms": 60_000, "wallet_address": "0xada", "width": 8,
        "worker_id": "wrk_0123456789abcdef",
    ]
}
