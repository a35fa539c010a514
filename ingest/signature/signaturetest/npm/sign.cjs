// Signs and verifies with the official libraries. In: {sign: [...], verify: [...]} on
// standard input; out: {sign: [headers], verify: [the error, or null]}. See ../official.go.
const libraries = {
  standardwebhooks: require("standardwebhooks").Webhook,
  svix: require("svix").Webhook,
};
const { sign, verify } = JSON.parse(require("fs").readFileSync(0, "utf8"));

const headers = (family, id, at, signature) => ({
  [`${family}-id`]: id,
  [`${family}-timestamp`]: String(at),
  [`${family}-signature`]: signature,
});

console.log(JSON.stringify({
  sign: sign.map(({ library, secret, id, at, body }) =>
    headers(library === "svix" ? "svix" : "webhook", id, at,
      new libraries[library](secret).sign(id, new Date(at * 1000), body))),
  verify: verify.map(({ library, secret, headers, body }) => {
    try {
      new libraries[library](secret).verify(body, headers);
      return null;
    } catch (e) {
      return e.message;
    }
  }),
}));
