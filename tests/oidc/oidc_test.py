#!/usr/bin/env python3
"""Bearer tokens of an OpenID provider that is not ours (oauth2-mock-server).

    oidc_test.py STREAMGATE NPM_CACHE
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "service"))
from job_server import Failed, Server, until
from npm_packages import packages


class Issuer:
    def __init__(self, folder):
        script = folder / "issuer.mjs"
        script.write_text((HERE / "issuer.mjs").read_text())
        self.process = subprocess.Popen(["node", str(script)], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def token(self, algorithm=None, new_key=None, **claims):
        asked = {"algorithm": algorithm, "new_key": new_key, "claims": {"aud": "streamgate", **claims}}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


def expect(server, token, status, what):
    answer = server.curl("GET", "/v1/keys", key=token)
    if answer.status != status:
        raise Failed(f"{what}: {answer.status}, not {status}: {answer.body.decode()}\n{server.text()[-2000:]}")


def main():
    binary, cache = str(Path(sys.argv[1]).resolve()), sys.argv[2]
    issuer = Issuer(packages(HERE, cache))
    try:
        with tempfile.TemporaryDirectory() as folder:
            server = Server(binary, folder,
                            "--set", f"api.jwt.issuer={issuer.url}", "--set", "api.jwt.audience=streamgate",
                            "--set", "api.jwt.role_claim=roles")
            admin = {"sub": "alice", "roles": ["viewer", "admin"]}
            good = issuer.token("RS256", **admin)
            until("the issuer's keys are there", lambda: server.curl("GET", "/v1/keys", key=good).status == 200)
            expect(server, issuer.token("ES256", **admin), 200, "ES256")
            expect(server, issuer.token("RS256", sub="bob", roles=["operator"]), 403, "a lower role")
            expect(server, issuer.token("RS256", **{**admin, "aud": "other"}), 401, "another audience")
            expect(server, issuer.token("RS256", **{**admin, "iss": "http://127.0.0.1:1"}), 401, "another issuer")
            now = int(time.time())
            expect(server, issuer.token("RS256", **{**admin, "exp": now - 600}), 401, "an expired token")
            expect(server, issuer.token("RS256", **{**admin, "nbf": now + 600}), 401, "a token of the future")
            at = good.rindex(".") + 10
            expect(server, good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1:], 401, "a changed token")
            expect(server, good[:good.rindex(".") + 1], 401, "a token without a signature")
            expect(server, None, 401, "no token")
            # A key that the issuer makes later is asked for, when the last time is 30 s ago.
            fresh = issuer.token(new_key="EdDSA", **admin)
            until("a new key is found", lambda: server.curl("GET", "/v1/keys", key=fresh).status == 200)
            issuer.process.kill()
            expect(server, good, 200, "an issuer that is down")
            server.stop()
    finally:
        issuer.process.kill()
        for server in Server.started:
            server.process.kill()
    print("tokens of another's issuer: good ones accepted, others refused")


if __name__ == "__main__":
    main()
