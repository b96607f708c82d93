# Compares two tables of `check`: what was recorded, and what was counted. Fails, and says why, if a path takes over 2 %
# more than recorded. Where one takes over 2 % less, that is said, and no failure.

FNR == 1 && NR == 1 { with = $0 }
FNR == 1 && NR > 1 && $0 != with {
    print "recorded with " with
    print "counted with  " $0
    print "Each compiler makes other code. To keep its counts, from a commit that passed with the old one: check --record"
    other = 1
    exit
}
FNR <= 2 { next }

NR == FNR {
    recorded[$1]
    floor_before[$1] = $2
    whole_before[$1] = $3
    outside_before[$1] = $4
    next
}
{
    order[++paths] = $1
    floor[$1] = $2
    whole[$1] = $3
    outside[$1] = $4
}

END {
    if (other) exit 1
    for (place = 1; place <= paths; place++) {
        path = order[place]
        if (path in recorded) {
            ratio = whole[path] / whole[floor[path]]
            ratio_before = whole_before[path] / whole_before[floor_before[path]]
            compare("times its floor", ratio, ratio_before)
            compare("instructions outside the hash", outside[path], outside_before[path])
            delete recorded[path]
        } else {
            fail("not recorded")
        }
    }
    for (path in recorded) fail("recorded, and not counted")
    exit failed
}

function compare(what, now, before) {
    if (now > before * 1.02) {
        fail(sprintf("%.6g %s, and %.6g recorded", now, what, before))
    } else if (now < before * 0.98) {
        printf "note: %s: %.6g %s, and %.6g recorded: keep that with check --record\n", path, now, what, before
    }
}

function fail(why) {
    print path ": " why
    failed = 1
}
