// Package vault encrypts what has to be read again, such as the secrets of sources,
// with keys that are kept outside the database.
//
// AES-256-GCM with a random nonce. What is sealed is bound to a place, so that it opens
// nowhere else. The first key of a ring seals, every key opens: a new key is put in
// front of the old one, and the old one taken out when nothing needs it any more.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/impactql/impactql/impact"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Ring is the keys of an installation. The zero Ring has none and neither seals nor
// opens.
type Ring struct{ keys []key }

type key struct {
	id   string // the first 8 hexadecimal digits of the key's SHA-256
	aead cipher.AEAD
}

// Parse reads a ring: keys as base64, apart by commas, the one that seals first.
func Parse(text string) (*Ring, error) {
	r := new(Ring)
	for i, one := range strings.Split(text, ",") {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(one))
		if err != nil || len(raw) != KeySize {
			return nil, fmt.Errorf("SECRETS_KEY: key %d is not the base64 of %d bytes: make one with `openssl rand -base64 %[2]d`", i+1, KeySize)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, fmt.Errorf("SECRETS_KEY: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("SECRETS_KEY: %w", err)
		}
		sum := sha256.Sum256(raw)
		r.keys = append(r.keys, key{hex.EncodeToString(sum[:4]), aead})
	}
	return r, nil
}

// ReadFile is the ring in a file, which is made with a new key, readable by its owner
// only, if it is not there. Processes that find none at the same time end up with one
// and the same key.
func ReadFile(path string) (*Ring, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("make a key for secrets: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the key for secrets: %w", err)
	}
	r, err := Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// create writes a whole file and then links it into place, which fails if another
// process was first.
func create(path string) (err error) {
	var raw [KeySize]byte
	_, _ = rand.Read(raw[:])                                  // never fails
	f, err := os.CreateTemp(filepath.Dir(path), ".secrets-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { os.Remove(f.Name()) }()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(raw[:]) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// ErrNoKey says how to get a key.
var ErrNoKey error = impact.Errorf(impact.CodeUnavailable,
	"secrets cannot be kept without a key to encrypt them with: set SECRETS_KEY, the same for every instance and command; make one with `openssl rand -base64 32`")

// Seal encrypts text for a place; keyID names the key, to open it with again.
func (r *Ring) Seal(text, place string) (sealed []byte, keyID string, err error) {
	if len(r.keys) == 0 {
		return nil, "", ErrNoKey
	}
	k := r.keys[0]
	return k.aead.Seal(nil, nil, []byte(text), []byte(place)), k.id, nil
}

// KeyID names the key that seals; empty if there is none.
func (r *Ring) KeyID() string {
	if len(r.keys) == 0 {
		return ""
	}
	return r.keys[0].id
}

// Open is the text that was sealed for a place.
func (r *Ring) Open(sealed []byte, keyID, place string) (string, error) {
	for _, k := range r.keys {
		if k.id != keyID {
			continue
		}
		text, err := k.aead.Open(nil, nil, sealed, []byte(place))
		if err != nil {
			return "", fmt.Errorf("the secret of %s was changed, or is another's: %w", place, err)
		}
		return string(text), nil
	}
	return "", fmt.Errorf("the secret of %s was encrypted with key %s, which SECRETS_KEY lacks", place, keyID)
}
