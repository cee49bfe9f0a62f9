#include <string>

#include <base/digest.hpp>
#include <support/catch.hpp>

// NIST's examples for FIPS 180-4.
TEST_CASE("digest: SHA-256 of the published vectors", "[base]") {
    CHECK(sg::sha256_hex(std::string_view("")) ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sg::sha256_hex(std::string_view("abc")) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sg::sha256_hex(
              std::string_view("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(sg::sha256_hex(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("digest: pieces give the digest of the whole", "[base]") {
    const std::string text(1000, 'q');
    sg::Sha256 pieces;
    for (std::size_t i = 0; i < text.size(); i += 37)
        pieces.update(std::string_view(text).substr(i, 37));
    CHECK(pieces.finish_hex() == sg::sha256_hex(text));
}
