import assert from "node:assert/strict";
import { peerName } from "../../src/http/peer.ts";

Deno.test("peer: all of loopback is one caller, and every other address is itself", () => {
  for (const address of ["127.0.0.1", "127.0.0.2", "127.255.255.254"]) {
    assert.equal(peerName(address), "127.0.0.1");
  }
  for (const address of ["::1", "10.127.0.1", "12.7.0.1", "128.0.0.1", "192.168.127.1", "fd00::127"]) {
    assert.equal(peerName(address), address);
  }
});
