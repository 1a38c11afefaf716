#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What a domain says about machines: keys sealed to what it authorizes instead of to PCR values (taopolicy authorize), and
# its word for an attestation key (taopolicy enroll). Against a software TPM of its own for each test, with tpm2-tools on
# the other side.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
}

setup()
{
	tpm_setup
	policy=$tools/taopolicy
	mkdir -m 700 "$dir/tpm"
	domain=$("$policy" keygen "$work/domain")
}

teardown()
{
	tpm_teardown
}

# What is booted: a program that says its name, and ends the host. Another text is another image.
image() # FILE [TEXT]
{
	cat >"$1" <<-END
		{ "version": 1,
		  "host": { "root": { "type": "tpm", "device": "swtpm:$dir/s", "dir": "$dir/tpm" ${extra:+, $extra} },
		            "guard": { "type": "allow" }, "admin": [ { "unix": "$socket" } ] },
		  "services": { "z": { "exec": ["$tools/tao", "name"], "type": "oneshot", "essential": true,
		            "env": { "IMAGE": "${2:-}" } } } }
	END
}

# Of a domain that authorizes.
image_of_domain() # FILE [TEXT]
{
	extra="\"domain_key\": \"$domain\"${more:+, $more}"
	image "$@"
}

authorize() # IMAGE [OPTION…]
{
	"$policy" authorize --key "$work/domain" --output "$dir/tpm/authorization" "${@:2}" "$1"
	chmod 600 "$dir/tpm/authorization"
}

# The TPM is reset, the host boots this image and runs to its end; its name is $name.
boot() # IMAGE [STATUS]
{
	cp "$1" "$work/manifest.json"
	start_tpm
	run_host
	[ "$status" = "${2:-0}" ] || { cat "$work/log"; return 1; }
	name=$(sed -n 's/^\(tpm2(.*)\)\.PCRs(.*)\.Program.*/\1/p' "$work/log")
}

refused() # IMAGE TEXT
{
	boot "$1" 255
	grep -qF -- "$2" "$work/log" || { cat "$work/log"; return 1; }
}

# ---- authorize ----

@test "a new image that the domain authorizes opens the keys; when it is of a higher version, the older one does no more" {
	image_of_domain "$work/one" one
	image_of_domain "$work/two" two
	authorize "$work/one"
	boot "$work/one"
	grep -q "(new keys)" "$work/log"
	first=$name
	[ -n "$first" ]
	boot "$work/one"
	[ "$name" = "$first" ]
	run ! grep -q "(new keys)" "$work/log"
	cp "$dir/tpm/authorization" "$work/of-one"
	# Not authorized.
	refused "$work/two" "for another state of the machine: PCR 15"
	# The same version: either boots, with its authorization.
	authorize "$work/two"
	boot "$work/two"
	[ "$name" = "$first" ]
	cp "$work/of-one" "$dir/tpm/authorization"
	boot "$work/one"
	[ "$name" = "$first" ]
	# A higher version: that of before is over, however it is signed.
	authorize "$work/two" --version 2
	boot "$work/two"
	[ "$name" = "$first" ]
	cp "$work/of-one" "$dir/tpm/authorization"
	refused "$work/one" "version 1 is older than the TPM's, 2"
	# Unless the domain says otherwise.
	authorize "$work/one" --version 3
	boot "$work/one"
	[ "$name" = "$first" ]
}

@test "what authorizes nothing is refused, each with its reason" {
	image_of_domain "$work/one" one
	image_of_domain "$work/two" two
	authorize "$work/one" --version 300
	refused "$work/one" "version 300 is too far above the TPM's"
	[ ! -e "$dir/tpm/keys" ]
	authorize "$work/one"
	boot "$work/one"
	cp "$dir/tpm/authorization" "$dir/good"
	# Unsigned: what it says was changed.
	authorize "$work/two"
	pcr=$(sed -n 's/^pcr: 15 //p' "$dir/tpm/authorization")
	sed "s/^pcr: 15 .*/pcr: 15 $pcr/" "$dir/good" >"$dir/tpm/authorization"
	refused "$work/two" "its signature does not verify"
	sed "s/^version: 1/version: 2/" "$dir/good" >"$dir/tpm/authorization"
	refused "$work/one" "its signature does not verify"
	# By somebody else.
	other=$("$policy" keygen "$work/other")
	run -1 "$policy" authorize --key "$work/other" "$work/two"
	[[ $output == *"its host.root.domain_key is another key"* ]]
	sed "s/$domain/$other/" "$work/two" >"$work/theirs"
	"$policy" authorize --key "$work/other" --output "$dir/tpm/authorization" "$work/theirs"
	refused "$work/two" "by another key than host.root.domain_key"
	# The manifest names the other: what the TPM has is sealed to the first.
	refused "$work/theirs" "sealed with another host.root.domain_key"
	# Not such a file; one that others may write.
	echo nonsense >"$dir/tpm/authorization"
	refused "$work/one" "not what taopolicy authorize writes"
	cp "$dir/good" "$dir/tpm/authorization"
	chmod 644 "$dir/tpm/authorization"
	refused "$work/one" "nobody else may read or write"
	chmod 600 "$dir/tpm/authorization"
	boot "$work/one"
	# The counter is gone.
	tpm2_nvundefine -Q -C o 0x01817480
	refused "$work/one" "version counter is gone"
}

@test "keys that were made before the domain's word came are sealed to it at the next start, once and for all" {
	image "$work/none" one
	image_of_domain "$work/one" one
	image_of_domain "$work/two" two
	boot "$work/one"
	grep -q "(new keys)" "$work/log"
	first=$name
	boot "$work/one"
	[ "$name" = "$first" ]
	run ! grep -q "domain_key" "$work/log"
	refused "$work/two" "the manifest has changed"
	cp "$dir/tpm/keys" "$dir/before"
	authorize "$work/one"
	boot "$work/one"
	grep -qF "the keys are sealed to host.root.domain_key now, by $dir/tpm/authorization" "$work/log"
	[ "$name" = "$first" ]
	boot "$work/one"
	run ! grep -q "domain_key" "$work/log"
	[ "$name" = "$first" ]
	authorize "$work/two" --version 2
	boot "$work/two"
	[ "$name" = "$first" ]
	# No word any more, or a manifest that waits for none: refused, and the first says what to do.
	refused "$work/none" "sealed with another host.root.domain_key than the manifest has"
	rm "$dir/tpm/authorization"
	refused "$work/two" "not there; the domain makes it with taopolicy authorize"
	# The key file of before opens without a word; but there was one, of a later version.
	cp "$dir/before" "$dir/tpm/keys"
	refused "$work/one" "not there; the domain makes it with taopolicy authorize"
	authorize "$work/one"
	refused "$work/one" "version 1 is older than the TPM's, 2"
}

@test "keys of a manifest without a domain do not open under one that has it, and the host says so" {
	image "$work/none" one
	image_of_domain "$work/one" one
	boot "$work/none"
	first=$name
	authorize "$work/one"
	refused "$work/one" "the manifest has changed: host.root"
	boot "$work/none"
	[ "$name" = "$first" ]
}

@test "PCRs of the firmware are authorized by value" {
	more='"pcrs": [4, 7, 15]'
	image_of_domain "$work/one"
	run -2 "$policy" authorize --key "$work/domain" "$work/one"
	[[ $output == *"PCR 4 is in the manifest: --pcrs 4=HEX"* ]]
	run -2 "$policy" authorize --key "$work/domain" --pcrs 15=00 "$work/one"
	zero=$(printf '%064d' 0)
	run -2 "$policy" authorize --key "$work/domain" --pcrs "3=$zero,4=$zero,7=$zero" "$work/one"
	[[ $output == *"PCR 3 is not in the manifest"* ]]
	authorize "$work/one" --pcrs "4=$zero,7=$zero"
	boot "$work/one"
	authorize "$work/one" --pcrs "4=$zero,7=$(printf '%064d' 7)"
	refused "$work/one" "for another state of the machine: PCR 7;"
}

# The blob's halves, as tpm2_load takes them, out of the key file; what is extended before READY.
take_apart()
{
	python3 - "$dir" <<-'END'
		import struct, sys
		d = sys.argv[1]
		keys = open(d + "/tpm/keys", "rb").read()
		at = keys.index(bytes.fromhex("0008000b00000492")) - 2
		end = at + 2 + struct.unpack(">H", keys[at:at + 2])[0]
		open(d + "/pub", "wb").write(keys[at:end])
		open(d + "/priv", "wb").write(keys[end:end + 2 + struct.unpack(">H", keys[end:end + 2])[0]])
		log, digests = open(d + "/tpm/eventlog", "rb").read()[65:], []
		for _ in range(3):
		    digests.append(log[14:46].hex())
		    log = log[50 + struct.unpack("<I", log[46:50])[0]:]
		open(d + "/digests", "w").write("\n".join(digests) + "\n")
		a = dict(line.split(": ") for line in open(d + "/tpm/authorization").read().splitlines())
		open(d + "/spki", "wb").write(bytes.fromhex(a["key"]))
		open(d + "/signature", "wb").write(bytes.fromhex(a["signature"]))
		open(d + "/version", "wb").write(struct.pack(">Q", int(a["version"])))
		open(d + "/value", "wb").write(bytes.fromhex(a["pcr"][3:]))
	END
	printf 'taoinit seal v1' >"$dir/ref"
	openssl pkey -pubin -inform DER -in "$dir/spki" -out "$dir/pem"
}

# As the host does, by tpm2-tools alone.
open_with_tools()
{
	local bad=0
	tpm2_startauthsession -Q --policy-session -S "$dir/session"
	tpm2_policypcr -Q -S "$dir/session" -l sha256:15
	tpm2_policynv -Q -S "$dir/session" -C 0x01817480 -i "$dir/version" 0x01817480 ule &&
		tpm2_policyauthorize -Q -S "$dir/session" -i "$dir/approved" -q "$dir/ref" -n "$dir/name" -t "$dir/ticket" &&
		tpm2_unseal -Q -c "$dir/kek" -p "session:$dir/session" -o "$dir/opened" || bad=1
	tpm2_flushcontext -Q "$dir/session"
	return "$bad"
}

@test "tpm2-tools agree: the policy, the name, the signature; what we sealed opens with them, and as long as for us" {
	image_of_domain "$work/one" one
	authorize "$work/one"
	boot "$work/one"
	take_apart
	start_tpm
	tpm2_startup -Q -c
	while read -r digest; do tpm2_pcrextend -Q "15:sha256=$digest"; done <"$dir/digests"
	# What the domain approves, in a trial.
	tpm2_startauthsession -Q -S "$dir/trial"
	tpm2_policypcr -Q -S "$dir/trial" -l sha256:15 -f "$dir/value"
	tpm2_policynv -Q -S "$dir/trial" -C 0x01817480 -i "$dir/version" -L "$dir/approved" 0x01817480 ule
	tpm2_flushcontext -Q "$dir/trial"
	cat "$dir/approved" "$dir/ref" >"$dir/message"
	openssl dgst -sha256 -verify "$dir/pem" -signature "$dir/signature" "$dir/message"
	tpm2_loadexternal -Q -C o -G ecc -u "$dir/pem" -c "$dir/key" -n "$dir/name"
	tpm2_verifysignature -Q -c "$dir/key" -g sha256 -m "$dir/message" -s "$dir/signature" -f ecdsa -t "$dir/ticket"
	tpm2_flushcontext -Q -t
	tpm2_createprimary -Q -C o -g sha256 -G ecc256:aes128cfb -c "$dir/srk" \
		-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
	tpm2_load -Q -C "$dir/srk" -u "$dir/pub" -r "$dir/priv" -c "$dir/kek"
	tpm2_flushcontext -Q -t
	open_with_tools
	[ "$(stat -c %s "$dir/opened")" = 32 ]
	# The policy alone, or the empty password, does not do.
	run ! tpm2_unseal -Q -c "$dir/kek"
	# Another state of the machine; a higher version.
	tpm2_pcrextend -Q "15:sha256=$(printf '%064d' 1)"
	run ! open_with_tools
	start_tpm
	tpm2_startup -Q -c
	while read -r digest; do tpm2_pcrextend -Q "15:sha256=$digest"; done <"$dir/digests"
	tpm2_createprimary -Q -C o -g sha256 -G ecc256:aes128cfb -c "$dir/srk" \
		-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
	tpm2_load -Q -C "$dir/srk" -u "$dir/pub" -r "$dir/priv" -c "$dir/kek"
	tpm2_flushcontext -Q -t
	tpm2_loadexternal -Q -C o -G ecc -u "$dir/pem" -c "$dir/key" -n "$dir/name"
	tpm2_verifysignature -Q -c "$dir/key" -g sha256 -m "$dir/message" -s "$dir/signature" -f ecdsa -t "$dir/ticket"
	tpm2_flushcontext -Q -t
	open_with_tools
	tpm2_nvincrement -Q -C 0x01817480 0x01817480
	run ! open_with_tools
}

# ---- enroll ----

request()
{
	"$policy" enroll request --device "swtpm:$dir/s" --output "$dir/request" "$dir/tpm/keys"
	ek=$("$policy" enroll show "$dir/request" | sed -n 's/^ek: //p')
	ak=$("$policy" enroll show "$dir/request" | sed -n 's/^ak: //p')
	[ ${#ek} = 64 ]
}

answer()
{
	"$policy" enroll vouch --ek "$ek" --key "$work/domain" --output "$dir/tpm/enroll" "$dir/request"
	chmod 600 "$dir/tpm/enroll"
}

@test "a machine is enrolled: the domain's statement opens on it alone, and taoverify takes it for a program's word" {
	image "$work/image"
	sed -i 's/"name"\]/"attest", "--hex", "Pred(1)"]/' "$work/image"
	boot "$work/image"
	request
	[[ $ak == 'tpm2(['*'])' ]]
	[ "$(sed -n 's/^certificate: //p' "$dir/request")" = "" ]
	answer
	boot "$work/image"
	grep -qF "enrolment: $dir/tpm/enroll: done" "$work/log"
	[ ! -e "$dir/tpm/enroll" ]
	# The statement names the key, and taoverify believes it of the domain alone.
	run -0 "$verify" attestation --trust "$domain" "$dir/tpm/enrolled"
	[[ ${lines[0]} == *" says TrustedTPM($ak)" ]]
	run -1 "$verify" attestation --trust "$(printf '%064d' 0)" "$dir/tpm/enrolled"
	# So a program's attestation is believed of the domain.
	grep -E '^[0-9a-f]+$' "$work/log" >"$dir/attestation"
	run -1 "$verify" attestation --trust "$domain" "$dir/attestation"
	run -0 "$verify" attestation --trust "$domain" --vouched "$dir/tpm/enrolled" "$dir/attestation"
	[[ ${lines[0]} == "$ak"*" says Pred(1)" ]]
	run -2 "$verify" attestation --vouched "$dir/tpm/enrolled" "$dir/attestation"
	run -1 "$verify" attestation --trust "$(printf '%064d' 0)" --vouched "$dir/tpm/enrolled" "$dir/attestation"
	run -1 "$verify" attestation --trust "$ak" --vouched "$dir/attestation" "$dir/attestation"
	[[ $output == *"vouches for no TPM"* ]]
	# Not after its time.
	run -1 "$verify" attestation --at 2099-01-01T00:00:00Z --trust "$domain" "$dir/tpm/enrolled"
}

@test "an answer for another machine, a changed one, and nonsense open nothing, and the host boots" {
	image "$work/image"
	boot "$work/image"
	request
	answer
	# A digit of the credential's HMAC, of the statement; another attestation key.
	cp "$dir/tpm/enroll" "$dir/answer"
	sed 's/^credential: 00200/credential: 00201/;t;s/^credential: 0020./credential: 00200/' "$dir/answer" >"$dir/tpm/enroll"
	boot "$work/image"
	grep -qF "INTEGRITY" "$work/log"
	sed 's/\(^statement: .*\)0$/\11/;t;s/\(^statement: .*\).$/\10/' "$dir/answer" >"$dir/tpm/enroll"
	boot "$work/image"
	grep -qF "its statement was changed" "$work/log"
	sed 's/^ak: ..../ak: 000c/;s/\(^ak: ........\)./\1x/' "$dir/answer" >"$dir/tpm/enroll"
	boot "$work/image"
	grep -qF "not an answer of taopolicy enroll" "$work/log"
	rm "$dir/tpm/keys" "$dir"/tpm/keys.*
	cp "$dir/answer" "$dir/tpm/enroll"
	boot "$work/image"
	grep -qF "another attestation key than this host's" "$work/log"
	[ ! -e "$dir/tpm/enrolled" ]
	# What the domain is asked.
	run -2 "$policy" enroll vouch --key "$work/domain" "$dir/request"
	[[ $output == *"--ek HASH"* ]]
	run -1 "$policy" enroll vouch --ek "$(printf '%064d' 0)" --key "$work/domain" "$dir/request"
	[[ $output == *"of another endorsement key"* ]]
	sed 's/^ek: 0023000b000300b2/ek: 0023000b000300f2/' "$dir/request" >"$dir/bad"
	run -1 "$policy" enroll show "$dir/bad"
	[[ $output == *"endorsement key is none"* ]]
	sed 's/^ak: 0023000b00050472/ak: 0023000b00040472/' "$dir/request" >"$dir/bad"
	run -1 "$policy" enroll show "$dir/bad"
	[[ $output == *"attestation key is not one of taoinit's"* ]]
	head -c 300 "$dir/request" >"$dir/bad"
	run -1 "$policy" enroll show "$dir/bad"
	run -2 "$policy" enroll frob "$dir/request"
	run -1 "$policy" enroll request --device "swtpm:$dir/s" "$work/domain"
}

# A manufacturer with its certificates: of the endorsement key in the file, into the TPM.
certify() # PUBLIC-PEM INDEX
{
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/ca.key" -out "$dir/ca.pem" -subj "/CN=TPM maker" 2>/dev/null
	openssl req -new -newkey rsa:2048 -nodes -keyout "$dir/dummy.key" -subj "/CN=TPM" -out "$dir/csr" 2>/dev/null
	openssl x509 -req -in "$dir/csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -force_pubkey "$1" \
		-outform DER -out "$dir/ek.der" 2>/dev/null
	tpm2_nvdefine -Q -C o -s "$(stat -c %s "$dir/ek.der")" -a 'ownerwrite|authwrite|ownerread|authread|no_da' "$2"
	tpm2_nvwrite -Q -C o -i "$dir/ek.der" "$2"
}

# The request's certificate is what the maker signed, and is about the request's key.
check_certificate()
{
	request
	"$policy" enroll show --output "$dir/shown.der" "$dir/request"
	cmp "$dir/shown.der" "$dir/ek.der"
	openssl verify -CAfile "$dir/ca.pem" <(openssl x509 -inform DER -in "$dir/shown.der")
	[ "$(openssl x509 -inform DER -in "$dir/shown.der" -noout -pubkey | openssl pkey -pubin -outform DER |
		sha256sum | cut -d' ' -f1)" = "$ek" ]
}

@test "the endorsement key is the one that tpm2_createek makes; its certificate comes along, of either kind of key" {
	image "$work/image"
	boot "$work/image"
	start_tpm
	tpm2_startup -Q -c
	tpm2_createek -Q -G ecc -c "$dir/ek" -u "$dir/ek.pem" -f pem
	tpm2_flushcontext -Q -t
	certify "$dir/ek.pem" 0x01c0000a
	check_certificate
	answer
	boot "$work/image"
	grep -qF "enroll: done" "$work/log"
	# RSA, where there is a certificate for that alone.
	tpm2_nvundefine -Q -C o 0x01c0000a
	tpm2_createek -Q -G rsa -c "$dir/ek" -u "$dir/ek.pem" -f pem
	tpm2_flushcontext -Q -t
	certify "$dir/ek.pem" 0x01c00002
	check_certificate
	rm "$dir/tpm/enrolled"
	answer
	boot "$work/image"
	grep -qF "enroll: done" "$work/log"
	run -0 "$verify" attestation --trust "$domain" "$dir/tpm/enrolled"
}

@test "a credential of ours is one for tpm2_activatecredential" {
	start_tpm
	tpm2_startup -Q -c
	for kind in ecc rsa; do
		tpm2_createek -Q -G $kind -c "$dir/ek" -u "$dir/ek.pub"
		tpm2_flushcontext -Q -t
		# An attestation key as ours are, but that the empty password uses it.
		tpm2_createprimary -Q -C o -g sha256 -G ecc256:aes128cfb -c "$dir/srk" \
			-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
		tpm2_create -Q -C "$dir/srk" -g sha256 -G ecc256:ecdsa-sha256:null -u "$dir/pub" -r "$dir/priv" \
			-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign'
		tpm2_flushcontext -Q -t
		tpm2_load -Q -C "$dir/srk" -u "$dir/pub" -r "$dir/priv" -c "$dir/ak"
		tpm2_flushcontext -Q -t
		hex() { od -An -v -tx1 "$1" | tr -d ' \n' | tail -c +5; }
		printf 'tao-enroll-request: 1\nek: %s\nak: %s\ncertificate: \n' "$(hex "$dir/ek.pub")" "$(hex "$dir/pub")" \
			>"$dir/request"
		ek=$("$policy" enroll show "$dir/request" | sed -n 's/^ek: //p')
		answer
		python3 - "$dir" <<-'END'
			import struct, sys
			d = sys.argv[1]
			a = dict(l.split(": ") for l in open(d + "/tpm/enroll").read().splitlines())
			two = lambda b: struct.pack(">H", len(b)) + b
			blob = two(bytes.fromhex(a["credential"])) + two(bytes.fromhex(a["secret"]))
			open(d + "/blob", "wb").write(struct.pack(">II", 0xbadcc0de, 1) + blob)
		END
		tpm2_startauthsession -Q --policy-session -S "$dir/session"
		tpm2_policysecret -Q -S "$dir/session" -c e
		tpm2_activatecredential -Q -c "$dir/ak" -C "$dir/ek" -i "$dir/blob" -o "$dir/credential" \
			-P "session:$dir/session"
		tpm2_flushcontext -Q "$dir/session"
		[ "$(stat -c %s "$dir/credential")" = 32 ]
	done
}

@test "a credential of tpm2_makecredential is one for our TPM root" {
	image "$work/image"
	boot "$work/image"
	request
	printf 'what only the TPM with both keys' >"$dir/secret"
	[ "$(stat -c %s "$dir/secret")" = 32 ]
	name=$(python3 - "$dir" <<-'END'
		import hashlib, sys
		a = dict(l.split(": ") for l in open(sys.argv[1] + "/request").read().splitlines()[:3])
		ek = bytes.fromhex(a["ek"])
		open(sys.argv[1] + "/ek.pub", "wb").write(len(ek).to_bytes(2, "big") + ek)
		print("000b" + hashlib.sha256(bytes.fromhex(a["ak"])).hexdigest())
	END
	)
	tpm2_makecredential -Q -T none -e "$dir/ek.pub" -s "$dir/secret" -n "$name" -o "$dir/blob" ||
		tpm2_makecredential -Q -u "$dir/ek.pub" -s "$dir/secret" -n "$name" -o "$dir/blob"
	# The statement, encrypted to it: AES-256-GCM of libcrypto.
	python3 - "$dir" "$name" <<-'END'
		import ctypes, struct, sys
		d, name = sys.argv[1], bytes.fromhex(sys.argv[2])
		c = ctypes.CDLL("libcrypto.so.3")
		for f in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"): getattr(c, f).restype = ctypes.c_void_p
		x, n = ctypes.c_void_p(c.EVP_CIPHER_CTX_new()), ctypes.c_int()
		text, key, nonce = b"any statement", open(d + "/secret", "rb").read(), bytes(12)
		out, tag = ctypes.create_string_buffer(64), ctypes.create_string_buffer(16)
		c.EVP_EncryptInit_ex(x, ctypes.c_void_p(c.EVP_aes_256_gcm()), None, key, nonce)
		aad = b"Tao Enrolment V1" + name
		c.EVP_EncryptUpdate(x, None, ctypes.byref(n), aad, len(aad))
		c.EVP_EncryptUpdate(x, out, ctypes.byref(n), text, len(text))
		c.EVP_EncryptFinal_ex(x, out, ctypes.byref(n))
		c.EVP_CIPHER_CTX_ctrl(x, 0x10, 16, tag)
		b = open(d + "/blob", "rb").read()[8:]
		n = struct.unpack(">H", b[:2])[0]
		credential, secret = b[2:2 + n], b[4 + n:4 + n + struct.unpack(">H", b[2 + n:4 + n])[0]]
		open(d + "/tpm/enroll", "w").write("tao-enroll-answer: 1\nak: %s\ncredential: %s\nsecret: %s\nstatement: %s %s %s\n" % (
		    name.hex(), credential.hex(), secret.hex(), nonce.hex(), out.raw[:len(text)].hex(), tag.raw.hex()))
	END
	chmod 600 "$dir/tpm/enroll"
	boot "$work/image"
	grep -qF "enroll: done" "$work/log"
	[ "$(cat "$dir/tpm/enrolled")" = "any statement" ]
}
