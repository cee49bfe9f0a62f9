#include <filesystem>
#include <fstream>

#include <api/secret_box.hpp>

#include <support/catch.hpp>
#include <support/temp_folder.hpp>

#include "base64.hpp"
#include "event_filter.hpp"
#include "field_reader.hpp"
#include "key_file.hpp"
#include "tus_headers.hpp"
#include "webhook_retry.hpp"
#include "webhook_signature.hpp"

namespace sg::api {

TEST_CASE("base64 is read strictly", "[base64]") {
    CHECK(to_base64("") == "");
    CHECK(to_base64("f") == "Zg==");
    CHECK(to_base64("fo") == "Zm8=");
    CHECK(to_base64("foo") == "Zm9v");
    CHECK(from_base64("Zm9vYmE=") == "fooba");
    CHECK(from_base64("Zg==") == "f");
    for (const char* bad : {"Zg", "Zg=", "Zh==", "Z===", "Zm 9", "Zm9\n", "====", "Zg==Zg=="}) {
        CHECK_FALSE(from_base64(bad));
    }
}

TEST_CASE("sealed secrets open with their key and context only", "[secrets]") {
    const sg::test::TempFolder folder;
    const auto file = folder / "webhooks.key";
    const auto box = SecretBox::open(file);
    REQUIRE(box);
    const auto sealed = box->seal("whsec_abc", "whk_1");
    CHECK(sealed.find("whsec") == std::string::npos);
    CHECK(*box->unseal(sealed, "whk_1") == "whsec_abc");
    CHECK(box->unseal(sealed, "whk_2").error().code == Errc::kBadData);
    CHECK(box->unseal("", "whk_1").error().code == Errc::kBadData);
    const auto again = SecretBox::open(file);
    REQUIRE(again);
    CHECK(*again->unseal(sealed, "whk_1") == "whsec_abc");
    const auto other = SecretBox::open(folder / "other.key");
    CHECK_FALSE(other->unseal(sealed, "whk_1"));
    CHECK(box->derive("a") != box->derive("b"));

    std::filesystem::permissions(file, std::filesystem::perms(0644));
    CHECK(SecretBox::open(file).error().code == Errc::kPermission);
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    std::ofstream(file) << "no key";
    CHECK(SecretBox::open(file).error().code == Errc::kBadData);
}

TEST_CASE("a key file is made whole, and never over another", "[secrets]") {
    const sg::test::TempFolder folder;
    const auto file = folder / "secret.key";
    // As a kill while it was written leaves it.
    std::ofstream(folder / "secret.key.part") << "0123";
    REQUIRE(SecretBox::open(file));
    CHECK(std::filesystem::file_size(file) == 65);
    CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms(0777)) ==
          std::filesystem::perms(0600));
    CHECK_FALSE(make_key_file(file, "another"));
    CHECK(std::filesystem::file_size(file) == 65);
    CHECK_FALSE(std::filesystem::exists(folder / "secret.key.part"));
}

TEST_CASE("webhooks are signed as Standard Webhooks says", "[webhooks]") {
    CHECK(webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                            "msg_p5jXN8AQM9LWM0D4loKWxJek",
                            1614265330,
                            R"({"test": 2432232314})") ==
          "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    CHECK_FALSE(webhook_signature("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "m", 1, ""));
    CHECK(make_webhook_secret() != make_webhook_secret());
}

TEST_CASE("retries back off up to the longest", "[webhooks]") {
    using std::chrono::milliseconds;
    const WebhookOptions options;
    CHECK(retry_delay(options, 1, 0) == milliseconds(5'000));
    CHECK(retry_delay(options, 2, 0) == milliseconds(15'000));
    CHECK(retry_delay(options, 2, 1) == milliseconds(18'000));
    CHECK(retry_delay(options, 100, 0) == options.longest_retry);
    // From the first attempt to the last: within the 72 hours, at least a dozen.
    milliseconds sum{0};
    int attempts = 1;
    for (; sum < options.give_up; ++attempts) sum += retry_delay(options, attempts, 0);
    CHECK(attempts > 12);
}

TEST_CASE("Retry-After is seconds or a date", "[webhooks]") {
    using std::chrono::seconds;
    CHECK(parse_retry_after("120", 0) == seconds(120));
    CHECK(parse_retry_after("99999999999999999999999", 0) == seconds(86'400));
    CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 60) == seconds(60));
    CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 60) == seconds(0));
    for (const char* bad : {"", "-1", "soon", "1.5", "12 s", "Sun, 06 Nov 1994 08:49:37 CET"}) {
        CHECK_FALSE(parse_retry_after(bad, 0));
    }
}

TEST_CASE("filters take types, families and subjects", "[events]") {
    const auto filter = EventFilter::make({"job.*", "upload.finished"}, {"job_1"});
    REQUIRE(filter);
    jobs::Event event;
    event.type = "job.queued";
    event.subject = "job_1";
    CHECK(filter->wants(event));
    event.subject = "job_2";
    CHECK_FALSE(filter->wants(event));
    CHECK(filter->wants_type("upload.finished"));
    CHECK_FALSE(filter->wants_type("upload.finished2"));
    CHECK_FALSE(filter->wants_type("jobs.queued"));
    CHECK(EventFilter().wants_type("anything"));
    for (const char* bad : {"", "Job.queued", "job.*.x", "a b", "job\n", "job.q\r\nx: y"}) {
        CHECK_FALSE(EventFilter::make({bad}, {}));
    }
    const auto slip = EventFilter::make({"job.suceeded"}, {});
    REQUIRE_FALSE(slip);
    CHECK(slip.error().message.find("did you mean job.succeeded?") != std::string::npos);
    CHECK_FALSE(EventFilter::make({"jobs.*"}, {}));
    CHECK_FALSE(EventFilter::make({}, {std::string("a\0b", 3)}));
    CHECK_FALSE(EventFilter::make(std::vector<std::string>(51, "a"), {}));
    CHECK(split_list("a,,b,") == std::vector<std::string>{"a", "b"});
}

TEST_CASE("numbers of tus are digits only", "[tus]") {
    CHECK(parse_tus_number("0") == 0U);
    CHECK(parse_tus_number("18014398509481984") == 18014398509481984U);
    for (const char* bad : {"",
                            "-1",
                            "+1",
                            " 1",
                            "1 ",
                            "0x10",
                            "1e3",
                            "99999999999999999999",
                            "9223372036854775807"}) {
        CHECK_FALSE(parse_tus_number(bad));
    }
}

TEST_CASE("metadata of tus is names with values in base64", "[tus]") {
    const auto metadata = parse_tus_metadata("filename ZmlsbS5tb3Y=,is_private,x Zm9v");
    REQUIRE(metadata);
    CHECK(metadata->at("filename") == "film.mov");
    CHECK(metadata->at("is_private").empty());
    CHECK(parse_tus_metadata("")->empty());
    CHECK(parse_tus_metadata("a Zg==, b Zg==")->size() == 2);
    for (const char* bad :
         {"a Zg== x", ",", "a,,b", "a Zg==,a Zg==", "\xC3\xA4 Zg==", "a Z", "a\x01 Zg=="}) {
        CHECK_FALSE(parse_tus_metadata(bad));
    }
    CHECK_FALSE(parse_tus_metadata("a " + to_base64(std::string(5000, 'x'))));
}

TEST_CASE("checksums are known algorithms with whole digests", "[tus]") {
    CHECK(parse_tus_checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="));
    CHECK_FALSE(parse_tus_checksum("sha1 Kq5sNclPz7QV2+lfQIuc6R7o"));
    CHECK_FALSE(parse_tus_checksum("md5 rL0Y20zC+Fzt72VPzMSk2A=="));
    CHECK_FALSE(parse_tus_checksum("sha256"));
    CHECK(
        parse_digest_field("md5=:AAAA:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:") ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (const char* bad : {"", "sha-256=abc", "sha-256=::", "sha-256=:", "sha-256=:AAAA:"}) {
        CHECK_FALSE(parse_digest_field(bad));
    }
    CHECK(parse_sha256_hex(std::string(64, 'A')) == std::string(64, 'a'));
    CHECK_FALSE(parse_sha256_hex(std::string(63, 'a') + "g"));
}

TEST_CASE("file names lose their folders and are plain", "[uploads]") {
    CHECK(plain_file_name("C:\\films\\a.mov") == "a.mov");
    CHECK(plain_file_name("../../etc/passwd") == "passwd");
    CHECK(plain_file_name("film \xC3\xA4.mov") == "film \xC3\xA4.mov");
    for (const char* bad : {"",
                            "..",
                            "a/..",
                            "a\r\nb",
                            "\xFF",
                            "a\xE2\x80\xAE"
                            "b"}) {
        CHECK(plain_file_name(bad).empty());
    }
}

TEST_CASE("times of requests are UTC and real", "[fields]") {
    CHECK(parse_utc("1970-01-01T00:00:01Z") == 1000);
    CHECK(parse_utc("1970-01-01T00:00:01.25Z") == 1250);
    for (const char* bad : {"",
                            "1970-01-01",
                            "1970-01-01T00:00:01",
                            "1970-02-31T00:00:00Z",
                            "1970-01-01T25:00:00Z",
                            "1970-01-01T00:00:01+01:00",
                            "1970-01-01T00:00:01.Z",
                            "1970-01-01T00:00:01.1234Z"}) {
        CHECK_FALSE(parse_utc(bad));
    }
}

}  // namespace sg::api
