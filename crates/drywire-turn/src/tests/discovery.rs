use bytes::BytesMut;
use drywire_core::Path;
use drywire_sim::origin;
use drywire_stun::attributes::{ChangeRequest, OtherAddress, ResponseOrigin, XorMappedAddress};
use drywire_stun::discovery::Responder;
use drywire_stun::{Class, Message, MessageBuilder, Method, TransactionId};

use super::world::{CLIENT, SERVER, address, server_config};
use crate::server::Server;

#[test]
fn a_request_of_behaviour_discovery_is_answered_from_where_it_asks() {
    let alternate = address("198.51.100.2:3479");
    let mut config = server_config();
    config.discovery = Some(Responder { primary: address(SERVER), alternate });
    let mut server = Server::new(config, origin(), [1; 32]).unwrap();
    let (mut request, mut response) = (Vec::new(), Vec::new());
    let mut builder =
        MessageBuilder::new(&mut request, Class::Request, Method::BINDING, TransactionId::new([9; 12]));
    builder.attribute(&ChangeRequest { ip: true, port: true });
    builder.finish().unwrap();

    let path = Path::udp(address(SERVER), address(CLIENT));
    server.handle_input(origin(), path, BytesMut::from(&*request));
    let transmit = server.poll_transmit(origin(), &mut response).expect("an answer");
    assert_eq!(transmit.path, Path::udp(alternate, address(CLIENT)));
    let message = Message::parse(&response).unwrap();
    assert_eq!(message.attribute::<XorMappedAddress>().unwrap().0, address(CLIENT));
    assert_eq!(message.attribute::<ResponseOrigin>().unwrap().0, alternate);
    assert_eq!(message.attribute::<OtherAddress>().unwrap().0, alternate);

    // Whoever asks at another address of the server gets what RFC 8489 says: 420.
    response.clear();
    let elsewhere = Path::udp(address("198.51.100.3:3478"), address(CLIENT));
    server.handle_input(origin(), elsewhere, BytesMut::from(&*request));
    let transmit = server.poll_transmit(origin(), &mut response).expect("an answer");
    assert_eq!(transmit.path, elsewhere);
    assert_eq!(Message::parse(&response).unwrap().class(), Class::Error);
    assert_eq!(server.stats().bindings, 2);
}
