#include <formats/amf0.hpp>
#include <support/catch.hpp>

#include "hex_bytes.hpp"

using namespace sg;
using namespace sg::formats;

TEST_CASE("a connect command is read as its three values") {
    const auto values = read_amf0(
        from_hex("02 0007 636f6e6e656374 00 3ff0000000000000 03 0003 617070 02 0004 6c697665 "
                 "000009"));
    REQUIRE(values);
    REQUIRE(values->size() == 3);
    CHECK(*(*values)[0].text() == "connect");
    CHECK(*(*values)[1].number() == 1.0);
    REQUIRE((*values)[2].find("app"));
    CHECK(*(*values)[2].find("app")->text() == "live");
    CHECK((*values)[2].find("missing") == nullptr);
}

TEST_CASE("every kind of AMF0 value is written as it was read") {
    Amf0Value::Object inner;
    inner.properties = {{"a", 1.5}, {"b", true}, {"", "empty name"}};
    Amf0Value::Object metadata;
    metadata.ecma_array = true;
    metadata.properties = {{"o", Amf0Value(inner)},
                           {"n", Amf0Value::Null{}},
                           {"u", Amf0Value()},
                           {"d", Amf0Value::Date{1e12}},
                           {"l", Amf0Value(std::string(70'000, 'x'))},
                           {"s", Amf0Value(Amf0Value::Array{1.0, "two", false})}};
    std::vector<std::byte> bytes;
    write_amf0(Amf0Value(metadata), bytes);
    const auto values = read_amf0(bytes);
    REQUIRE(values);
    REQUIRE(values->size() == 1);
    CHECK((*values)[0] == Amf0Value(metadata));
}

TEST_CASE("an ECMA array may lack its end where the message ends") {
    const auto values = read_amf0(from_hex("08 00000001 0001 61 0101"));
    REQUIRE(values);
    CHECK(*(*values)[0].find("a")->boolean());
}

TEST_CASE("simple AMF3 values behind the avmplus marker are read") {
    const auto values = read_amf0(from_hex("11 04 ffffffff 11 04 2a 11 06 05 6162 11 03 11 01"));
    REQUIRE(values);
    REQUIRE(values->size() == 5);
    CHECK(*(*values)[0].number() == -1.0);
    CHECK(*(*values)[1].number() == 42.0);
    CHECK(*(*values)[2].text() == "ab");
    CHECK(*(*values)[3].boolean());
    CHECK((*values)[4].is_null());
    const auto object = read_amf0(from_hex("11 0a 0b 01"));
    REQUIRE_FALSE(object);
    CHECK(object.error().code == Errc::kUnsupported);
}

TEST_CASE("hostile AMF0 is refused") {
    CHECK(read_amf0(from_hex("02 ffff 61")).error().code == Errc::kBadData);
    CHECK(read_amf0(from_hex("0a ffffffff 05")).error().code == Errc::kBadData);
    CHECK(read_amf0(from_hex("07 0000")).error().code == Errc::kBadData);
    CHECK(read_amf0(from_hex("03 0001 61")).error().code == Errc::kBadData);
    CHECK(read_amf0(from_hex("03 0000")).error().code == Errc::kBadData);

    std::vector<std::byte> deep;
    for (int i = 0; i < 1000; ++i) {
        const auto level = from_hex("0a 00000001");
        deep.insert(deep.end(), level.begin(), level.end());
    }
    deep.push_back(std::byte{5});
    CHECK(read_amf0(deep).error().code == Errc::kLimit);

    const std::vector<std::byte> many(5000, std::byte{5});
    CHECK(read_amf0(many).error().code == Errc::kLimit);
}
