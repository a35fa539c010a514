// Package signature checks that a webhook comes from who it says, by the schemes of
// the providers: pure functions of headers, body, secrets and the time.
//
//	scheme             header                                              signed
//	standard-webhooks  webhook-id, webhook-timestamp, webhook-signature:   id.timestamp.body
//	                   v1,<base64> v1a,<base64>; or svix- in place of webhook-
//	kintell            X-Kintell-Signature: t=<s>,v1=<hex>; X-Delivery-Id  t.body
//	benevity           X-Benevity-Signature: t=<s>,v1=<hex>                t.body
//	goodera            X-Goodera-Signature: sha256=<hex>,                  timestamp.body
//	                   X-Goodera-Request-Timestamp: <s>
//	workday            X-Workday-Signature: sha256=<hex>                   body
//	github             X-Hub-Signature-256: sha256=<hex>                   body
//
// All are HMAC-SHA256 but v1a, which is ed25519. The body is signed as its bytes came.
//
// Invariants:
//   - signatures are compared in constant time, and an error never holds a secret, a
//     signature or a part of one;
//   - any of several secrets may have signed, and any of several signatures in the
//     header may match: so a provider can change its secret without a gap;
//   - a signed time more than [Tolerance] from now is refused, so that what somebody
//     recorded is worthless soon. What was replayed sooner is a duplicate, since its
//     identity is signed with it (see [Scheme.Delivery] for the one exception).
package signature
