//! In steady state a short command and its answer take nothing from the heap.

use super::pair::{Setup, bytes};
use cardwright_proto::apdu::{Command, Header, Ne};
use cardwright_proto::scp::Mode;
use cardwright_proto::status::StatusWord;

#[test]
fn nothing_for_a_wrapped_short_command() {
    for (mode, level) in [(Mode::S8, 0x01), (Mode::S8, 0x33), (Mode::S16, 0x33)] {
        let setup = Setup::new(mode, level);
        let (mut host, mut card) = setup.open();
        let data = bytes(1, setup.level.short_capacity(mode));
        let command = Command::new(Header::new(0x80, 0xE2, 0, 0), &data, Some(Ne::SHORT_MAX));
        let mut wire = Vec::with_capacity(261);
        let mut answer = Vec::with_capacity(258);
        for _ in 0..3 {
            let mut sent = None;
            let wrapping = allocation_counter::measure(|| sent = Some(host.wrap(&command, &mut wire).unwrap()));
            let on_card = allocation_counter::measure(|| {
                card.unwrap(&mut wire).unwrap();
                answer.clear();
                answer.extend_from_slice(&data);
                card.wrap(&mut answer, StatusWord::OK).unwrap();
            });
            let mut open = None;
            let unwrapping =
                allocation_counter::measure(|| open = Some(sent.take().unwrap().unwrap(&mut answer).unwrap().0));
            assert_eq!([wrapping.count_total, on_card.count_total, unwrapping.count_total], [0; 3]);
            host = open.unwrap();
        }
    }
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![0u8; 10])));
    assert_eq!(counted.count_total, 1, "the counter counts");
}
