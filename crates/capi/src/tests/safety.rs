//! Mistakes of a caller in C are errors: NULL, a misaligned address, a wrong length, a `ctx_key` without a key.

use super::*;
use crate::Outcome::*;

#[test]
fn a_wrong_pointer_or_length_of_a_text_is_an_error() {
    let (null, huge) = (ptr::null(), usize::MAX / 2 + 1);
    let (some, mut key) = (KEY.as_ptr().cast::<c_char>(), valid(KEY));
    let (mut bits, mut count, mut out) = (9, 9, [0_u8; 64]);
    let out = out.as_mut_ptr().cast();
    // SAFETY: the functions read neither NULL nor a text of such a length.
    unsafe {
        for (text, len) in [(null, 1), (null, huge), (some, huge), (some, usize::MAX)] {
            for parse in [ctx_key_parse, ctx_key_parse_pasted] {
                let mut detail = 9;
                assert_eq!((parse(text, len, &mut key, &mut detail), detail), (CtxKeyErrorPointer, 0));
                assert_eq!(id(&key), Err(CtxKeyErrorNoKey));
                key = valid(KEY);
            }
            let value = Value { text, len };
            assert_eq!(ctx_key_bearer(&value, 1, &mut key), CtxKeyErrorPointer);
            assert_eq!(id(&key), Err(CtxKeyErrorNoKey));
            for parse in [ctx_key_scopes_parse, ctx_key_scopes_parse_list] {
                let mut range = Range { start: 3, end: 4 };
                assert_eq!(parse(text, len, &mut bits, &mut range), CtxKeyErrorPointer);
                assert_eq!((bits, range), (0, Range::default()));
            }
            assert_eq!(ctx_key_find(text, len, ptr::null_mut(), 0, &mut count), CtxKeyErrorPointer);
            assert_eq!(count, 0);
            assert_eq!(ctx_key_redact(text, len, out, usize::MAX, &mut count), CtxKeyErrorPointer);
            assert_eq!(count, 0);
            assert_eq!(ctx_key_erase_bytes(text.cast_mut().cast(), len), CtxKeyErrorPointer);
            (bits, count, key) = (9, 9, valid(KEY));
        }
        // An empty text may have NULL as its pointer.
        assert_eq!(ctx_key_parse(null, 0, &mut key, ptr::null_mut()), CtxKeyKeyPrefix);
        assert_eq!(ctx_key_parse_pasted(null, 0, &mut key, ptr::null_mut()), CtxKeyKeyPrefix);
        assert_eq!(ctx_key_bearer(&Value { text: null, len: 0 }, 1, &mut key), CtxKeyMissingCredentials);
        assert_eq!((ctx_key_scopes_parse(null, 0, &mut bits, ptr::null_mut()), bits), (CtxKeyOk, 0));
        assert_eq!((ctx_key_find(null, 0, ptr::null_mut(), 0, &mut count), count), (CtxKeyOk, 0));
        assert_eq!((ctx_key_redact(null, 0, ptr::null_mut(), 0, &mut count), count), (CtxKeyOk, 0));
        assert_eq!(ctx_key_erase_bytes(ptr::null_mut(), 0), CtxKeyOk);
        ctx_key_erase(ptr::null_mut());
    }
}

#[test]
fn a_wrong_pointer_to_a_structure_is_an_error() {
    let (text, len) = raw(KEY.as_bytes());
    let (key, mut buffer) = (valid(KEY), [0_u8; 128]);
    let (mut stored, mut new, mut grant) = (record(&key, CTX_KEY_READ), zeros(), Grant::default());
    let before = stored;
    let buffer: *mut c_char = buffer.as_mut_ptr().cast();
    for wrong in [ptr::null_mut(), misaligned::<u64>()] {
        let (wrong_key, wrong_record): (*mut Key, *mut Record) = (wrong.cast(), wrong.cast());
        // SAFETY: the functions follow no pointer that is NULL or misaligned.
        let outcomes = unsafe {
            [
                ctx_key_parse(text, len, wrong_key, ptr::null_mut()),
                ctx_key_parse_pasted(text, len, wrong_key, ptr::null_mut()),
                ctx_key_bearer(&Value { text, len }, 1, wrong_key),
                ctx_key_bearer(wrong.cast(), 1, &mut zeros()),
                ctx_key_generate(wrong_key),
                ctx_key_id(wrong_key, buffer, 128),
                ctx_key_digest(wrong_key, buffer.cast(), 32),
                ctx_key_digest_text(wrong_key, buffer, 128),
                ctx_key_expose_secret(wrong_key, buffer, 128),
                ctx_key_scopes_parse(text, 0, wrong.cast(), ptr::null_mut()),
                ctx_key_scopes_parse_list(text, 0, wrong.cast(), ptr::null_mut()),
                ctx_key_record_new(wrong_key, 1, &mut new),
                ctx_key_record_new(&key, 1, wrong_record),
                ctx_key_verify(wrong_record, &key, 1, &mut grant),
                ctx_key_verify(&stored, wrong_key, 1, &mut grant),
                ctx_key_verify(&stored, &key, 1, wrong.cast()),
                ctx_key_require(wrong.cast(), 1, ptr::null_mut()),
                ctx_key_state(wrong_record, 1),
                ctx_key_retire_at(wrong_record, 1),
                ctx_key_revoke(wrong_record, 1),
                ctx_key_rotate(wrong_record, &valid(OTHER), 1, 1, &mut new),
                ctx_key_rotate(&mut stored, wrong_key, 1, 1, &mut new),
                ctx_key_rotate(&mut stored, &valid(OTHER), 1, 1, wrong_record),
                ctx_key_find(text, len, wrong.cast(), 1, &mut 0),
                ctx_key_find(text, len, ptr::null_mut(), 0, wrong.cast()),
                ctx_key_redact(text, len, buffer, 128, wrong.cast()),
            ]
        };
        for (index, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!(outcome, CtxKeyErrorPointer, "{index}");
        }
        assert_eq!((grant, stored, new), (Grant::default(), before, zeros()));
    }
    // SAFETY: the functions follow no pointer that is NULL or misaligned.
    unsafe {
        let null = ptr::null_mut();
        assert_eq!(ctx_key_id(&key, null, 128), CtxKeyErrorPointer);
        assert_eq!(ctx_key_digest(&key, null.cast(), 32), CtxKeyErrorPointer);
        assert_eq!(ctx_key_digest_text(&key, null, 128), CtxKeyErrorPointer);
        assert_eq!(ctx_key_expose_secret(&key, null, 128), CtxKeyErrorPointer);
        assert_eq!(ctx_key_scopes_names(1, null, 128), CtxKeyErrorPointer);
        assert_eq!(ctx_key_redact(text, len, null, 128, &mut 0), CtxKeyErrorPointer);
        // This holds for an empty text, too.
        assert_eq!(ctx_key_find(text, 0, null.cast(), 1, &mut 0), CtxKeyErrorPointer);
        let (mut other, mut bits) = (zeros(), 0);
        assert_eq!(ctx_key_parse(text, len, &mut other, misaligned()), CtxKeyErrorPointer);
        assert_eq!(id(&other), Err(CtxKeyErrorNoKey));
        assert_eq!(ctx_key_scopes_parse(text, 0, &mut bits, misaligned()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_require(&Grant::default(), 1, misaligned()), CtxKeyErrorPointer);
    }
}

/// If several arguments are wrong, the error is that of the pointer.
#[test]
fn a_wrong_pointer_is_the_first_error() {
    let (mut stored, mut missing) = (record(&valid(KEY), CTX_KEY_READ), 9);
    let ((text, len), null, before) = (raw(b"chat:read\xff"), ptr::null_mut::<c_char>(), stored);
    // SAFETY: the functions follow no pointer that is NULL.
    unsafe {
        assert_eq!(ctx_key_parse(text, len, null.cast(), ptr::null_mut()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_parse_pasted(text, len, null.cast(), ptr::null_mut()), CtxKeyErrorPointer);
        for show in [ctx_key_id, ctx_key_digest_text, ctx_key_expose_secret] {
            assert_eq!(show(&valid(KEY), null, 0), CtxKeyErrorPointer);
            assert_eq!(show(ptr::null(), null, 0), CtxKeyErrorPointer);
        }
        assert_eq!(ctx_key_scopes_names(1, null, 0), CtxKeyErrorPointer);
        for parse in [ctx_key_scopes_parse, ctx_key_scopes_parse_list] {
            assert_eq!(parse(text, len, null.cast(), ptr::null_mut()), CtxKeyErrorPointer);
            assert_eq!(parse(text, len - 1, null.cast(), ptr::null_mut()), CtxKeyErrorPointer);
        }
        assert_eq!(ctx_key_record_new(&valid(KEY), 64, null.cast()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_record_new(&zeros(), 1, null.cast()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_verify(&stored, &valid(OTHER), 1, null.cast()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_verify(&zeros(), &valid(KEY), 1, null.cast()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_verify(ptr::null(), &zeros(), 1, &mut zeros()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_require(&Grant::default(), 1, misaligned()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_rotate(null.cast(), &zeros(), 1, 1, &mut zeros()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_rotate(&mut stored, &valid(KEY), 1, 1, null.cast()), CtxKeyErrorPointer);
        assert_eq!(ctx_key_redact(text, len, null, 0, ptr::null_mut()), CtxKeyErrorPointer);
        // Without a grant, all required scopes are missing.
        assert_eq!(ctx_key_require(ptr::null(), CTX_KEY_READ, &mut missing), CtxKeyErrorPointer);
    }
    assert_eq!((stored, missing), (before, CTX_KEY_READ));
}

/// A buffer of the exact size is large enough. A buffer with one byte less is refused and not written.
#[test]
fn a_buffer_that_is_too_short_is_an_error() {
    let key = valid(KEY);
    // SAFETY: the buffers are those of `written`, and at least as long as the given size.
    unsafe {
        assert_eq!(written::<12>(|text, size| ctx_key_id(&key, text, size)), Err(CtxKeyErrorBuffer));
        assert_eq!(written::<64>(|text, size| ctx_key_digest_text(&key, text, size)), Err(CtxKeyErrorBuffer));
        assert_eq!(
            written::<52>(|text, size| ctx_key_expose_secret(&key, text, size)),
            Err(CtxKeyErrorBuffer)
        );
        assert_eq!(written::<74>(|text, size| ctx_key_scopes_names(1, text, size)), Err(CtxKeyErrorBuffer));
        for wrong in [0, 31, 33, usize::MAX] {
            let mut digest = [5; 32];
            assert_eq!(ctx_key_digest(&key, digest.as_mut_ptr(), wrong), CtxKeyErrorBuffer);
            assert_eq!(digest, [5; 32]);
        }
        let ((text, len), mut out, mut count) = (raw(KEY.as_bytes()), [5_u8; 52], 9);
        assert_eq!(ctx_key_redact(text, len, out.as_mut_ptr().cast(), 51, &mut count), CtxKeyErrorBuffer);
        assert_eq!((out, count), ([5; 52], 0));
    }
    assert_eq!(exposed(&key).as_deref(), Ok(KEY));
}

#[test]
fn a_structure_without_a_key_is_an_error() {
    let mut stored = record(&valid(KEY), CTX_KEY_READ);
    let (mut new, before, mut bytes) = (zeros::<Record>(), stored, [0; 32]);
    // Uninitialised memory may hold values such as these.
    let patterns = [0, u64::MAX, 1, u64::from_ne_bytes(*b"ctx_key\0"), 0x5555_5555_5555_5555];
    for key in patterns.map(|word| {
        // SAFETY: a `Key` is twelve numbers.
        unsafe { core::mem::transmute::<[u64; 12], Key>([word; 12]) }
    }) {
        assert_eq!(id(&key), Err(CtxKeyErrorNoKey));
        assert_eq!(digest_text(&key), Err(CtxKeyErrorNoKey));
        assert_eq!(exposed(&key), Err(CtxKeyErrorNoKey));
        assert_eq!(verify(&stored, &key, 1), (CtxKeyErrorNoKey, Grant::default()));
        // SAFETY: the pointers are those of variables.
        unsafe {
            assert_eq!(ctx_key_digest(&key, bytes.as_mut_ptr(), 32), CtxKeyErrorNoKey);
            assert_eq!(ctx_key_record_new(&key, 1, &mut new), CtxKeyErrorNoKey);
            assert_eq!(ctx_key_rotate(&mut stored, &key, 1, 1, &mut new), CtxKeyErrorNoKey);
        }
        assert_eq!((stored, new, bytes), (before, zeros(), [0; 32]));
    }
}

#[test]
fn a_corrupt_record_is_an_error() {
    let (key, mut new) = (valid(KEY), zeros::<Record>());
    let good = record(&key, CTX_KEY_READ);
    let wrong_id = |index: usize, byte: u8| {
        let mut record = good;
        record.id[index] = c_char::from_ne_bytes([byte]);
        record
    };
    let records = [
        wrong_id(0, b'_'),
        wrong_id(11, 0),
        wrong_id(5, 0xff),
        wrong_id(12, b'0'),
        Record { scopes: 64, ..good },
        Record { scopes: 1 << 31 | 1, ..good },
        zeros(),
    ];
    for mut record in records {
        let before = record;
        for key in [&key, &valid(OTHER)] {
            assert_eq!(verify(&record, key, 1), (CtxKeyErrorRecord, Grant::default()), "{record:?}");
        }
        // SAFETY: the pointers are those of variables.
        unsafe {
            assert_eq!(ctx_key_state(&record, 1), CtxKeyErrorRecord);
            assert_eq!(ctx_key_retire_at(&mut record, 1), CtxKeyErrorRecord);
            assert_eq!(ctx_key_revoke(&mut record, 1), CtxKeyErrorRecord);
            assert_eq!(ctx_key_rotate(&mut record, &valid(OTHER), 1, 1, &mut new), CtxKeyErrorRecord);
        }
        assert_eq!((record, new), (before, zeros()));
    }
    for (key, scopes, error) in [(key, 64, CtxKeyErrorRecord), (zeros(), 1, CtxKeyErrorNoKey)] {
        let mut new = good;
        // SAFETY: the pointers are those of variables.
        assert_eq!(unsafe { ctx_key_record_new(&key, scopes, &mut new) }, error);
        assert_eq!(new, zeros());
    }
}

#[test]
fn a_text_that_is_not_utf_8_is_an_error() {
    let ((text, len), mut key, mut detail) = (raw(b"memories:read\xff"), valid(KEY), 9);
    // SAFETY: the pointers are those of slices and variables.
    unsafe {
        assert_eq!(ctx_key_parse_pasted(text, len, &mut key, &mut detail), CtxKeyErrorUtf8);
        assert_eq!((id(&key), detail), (Err(CtxKeyErrorNoKey), 0));
        for parse in [ctx_key_scopes_parse, ctx_key_scopes_parse_list] {
            let (mut bits, mut unknown) = (9, Range { start: 9, end: 9 });
            assert_eq!(parse(text, len, &mut bits, &mut unknown), CtxKeyErrorUtf8);
            assert_eq!((bits, unknown), (0, Range::default()));
        }
    }
}

#[test]
fn a_grant_is_checked_for_the_required_scopes() {
    let (outcome, grant) = verify(&record(&valid(KEY), CTX_KEY_READ), &valid(KEY), 1);
    assert_eq!((outcome, grant), (CtxKeyOk, Grant { scopes: CTX_KEY_READ, ..Grant::default() }));
    for (required, expected, lacks) in [
        (CTX_KEY_CHATS_READ, CtxKeyOk, 0),
        (CTX_KEY_READ, CtxKeyOk, 0),
        (CTX_KEY_CHATS_READ | CTX_KEY_CHATS_WRITE, CtxKeyMissingScope, CTX_KEY_CHATS_WRITE),
        (0, CtxKeyMissingScope, 0),
        (64, CtxKeyMissingScope, 64),
        (CTX_KEY_CHATS_READ | 64, CtxKeyMissingScope, 64),
    ] {
        let mut missing = 9;
        // SAFETY: the pointers are those of variables.
        assert_eq!(unsafe { ctx_key_require(&grant, required, &mut missing) }, expected);
        assert_eq!(missing, lacks);
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { ctx_key_require(&grant, required, ptr::null_mut()) }, expected);
    }
}

/// Bits that no scope has are never granted, even if a record has them.
#[test]
fn unknown_bits_are_not_granted() {
    for unknown in [64, 1 << 31, u32::MAX << 6] {
        let all = CTX_KEY_READ | CTX_KEY_WRITE | unknown;
        for required in [unknown, CTX_KEY_CHATS_READ | unknown] {
            assert!(!ctx_key_scopes_grant(all, required));
            assert_eq!(ctx_key_scopes_missing(all, required), unknown);
            let (grant, mut missing) = (Grant { scopes: all, ..zeros() }, 9);
            // SAFETY: the pointers are those of variables.
            assert_eq!(unsafe { ctx_key_require(&grant, required, &mut missing) }, CtxKeyMissingScope);
            assert_eq!(missing, unknown);
        }
        assert!(ctx_key_scopes_grant(all, CTX_KEY_READ));
    }
}

#[test]
fn a_grant_ends_with_the_earlier_end() {
    let (key, at) = (valid(KEY), |secs| Time { secs, is_set: 1 });
    let end = |expires_at, retires_at| {
        verify(&Record { expires_at, retires_at, ..record(&key, CTX_KEY_READ) }, &key, 1).1.expires_at
    };
    for (expires_at, retires_at, expected) in [
        (at(5), at(7), at(5)),
        (at(7), at(5), at(5)),
        (at(u64::MAX), zeros(), at(u64::MAX)),
        (zeros(), at(5), at(5)),
        (zeros(), zeros(), zeros()),
        // The seconds of an absent time are ignored.
        (Time { secs: 3, is_set: 0 }, at(5), at(5)),
    ] {
        assert_eq!(end(expires_at, retires_at), expected);
    }
    // Any value but 0 means that the time is set.
    for is_set in [1, 2, 1 << 32, 1 << 63, u64::MAX] {
        assert_eq!(end(Time { secs: 5, is_set }, zeros()), at(5), "{is_set}");
        assert_eq!(
            verify(&Record { revoked_at: Time { secs: 0, is_set }, ..record(&key, 1) }, &key, 1).0,
            CtxKeyRevoked
        );
    }
}

#[test]
fn an_overlap_that_exceeds_the_latest_time_ends_at_it() {
    for (now, overlap, end) in [
        (0, 0, 0),
        (5, 60, 65),
        (0, u64::MAX, u64::MAX),
        (1, u64::MAX - 2, u64::MAX - 1),
        (1, u64::MAX, u64::MAX),
        (u64::MAX - 1, u64::MAX, u64::MAX),
    ] {
        let (key, mut new) = (valid(KEY), zeros());
        let mut old = record(&key, CTX_KEY_READ);
        let before = old;
        // SAFETY: the pointers are those of variables.
        assert_eq!(unsafe { ctx_key_rotate(&mut old, &valid(OTHER), now, overlap, &mut new) }, CtxKeyOk);
        assert_eq!(old, Record { retires_at: Time { secs: end, is_set: 1 }, ..before });
        assert_eq!(new, record(&valid(OTHER), CTX_KEY_READ));
    }
}

#[test]
fn the_range_of_an_unknown_scope_is_written() {
    for (input, range) in
        [("memories:read chat:read", 14..23), ("memories:read  chats:read", 14..14), ("users:read", 0..0)]
    {
        let ((text, len), mut bits, mut unknown) = (raw(input.as_bytes()), 9, Range { start: 9, end: 9 });
        // SAFETY: the pointers are those of slices and variables.
        let outcome = unsafe { ctx_key_scopes_parse(text, len, &mut bits, &mut unknown) };
        assert_eq!(unknown, range.into(), "{input}");
        assert_eq!((outcome == CtxKeyOk, bits != 0), (input == "users:read", input == "users:read"));
    }
}
