//! All 256 class bytes.

use cardwright_proto::apdu::ApduError;
use cardwright_proto::apdu::class::Class;

#[test]
fn every_class_byte() {
    let mut read = 0;
    for cla in 0..=u8::MAX {
        let first = cla & 0x60 == 0;
        let further = cla & 0x40 != 0;
        // Secure messaging of ISO/IEC 7816-4 in 08, the reserved 2x and 3x, and FF.
        let none = cla == 0xFF || (!further && (!first || cla & 0x08 != 0));
        let class = Class::parse(cla);
        if none {
            assert_eq!(class, Err(ApduError::Class(cla)));
            continue;
        }
        read += 1;
        let class = class.unwrap();
        let (channel, secured) =
            if further { ((cla & 0x0F) + 4, cla & 0x20 != 0) } else { (cla & 0x03, cla & 0x04 != 0) };
        let expected = Class { proprietary: cla & 0x80 != 0, channel, secured, chained: cla & 0x10 != 0 };
        assert_eq!(class, expected, "{cla:02X}");
        assert_eq!(class.byte(), cla);
        assert_eq!(class.mac_byte(), if cla & 0x80 != 0 { 0x84 } else { 0x04 }, "{cla:02X}");
    }
    assert_eq!(read, 2 * 16 + 127);
}
